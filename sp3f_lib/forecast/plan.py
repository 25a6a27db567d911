"""What a stage will need, before anything is loaded: `sp3f train sp3f --profile paper --dry-run`.

All from the profile and the model's configuration. Upper bounds where a length is not known: every completion is taken to be
as long as it may be, and a prompt as long as the completion unless `vllm_max_model_length` says more. Memory: see memory.py;
hours: hours.py; the shape of the model: shape.py; ICR and LIDR: preference.py. The profile comes first, the summary last:
does it fit, how long, what will the judge cost. The command ends with 2 if it cannot fit.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

from sp3f_lib.forecast.answers import ANSWER_TOKENS, PROMPT_TOKENS, Prompts, vllm_hours
from sp3f_lib.forecast.cpu import Speed, evaluation_hours, training_hours
from sp3f_lib.forecast.hours import Hours, estimate, flop_per_token, likely_gpu, measured
from sp3f_lib.forecast.lengths import Lengths
from sp3f_lib.forecast.memory import (
    GB,
    GPU_SIZES,
    WIDTH,
    cache_memory,
    evaluation_memory,
    fullest,
    smallest_gpu,
    trained_weights,
    training_memory,
)
from sp3f_lib.forecast.shape import Shape
from sp3f_lib.judges.spend import Forecast, cap_note, forecast
from sp3f_lib.profiles import Profile

# For the judge's forecast before any row is there: question and reference in bytes (an assumption), and bytes per token.
_TEXT_BYTES, _BYTES_PER_TOKEN = 2000, 3.5
_BATCH = ("per_device_train_batch_size", "gradient_accumulation_steps")


@dataclass(frozen=True)
class Plan:
    """Memory of one process by component (bytes), tokens and steps, the judge's forecast, hours (None: nothing to go by).

    `available` is the memory to compare with, `smallest` the size in GB of the smallest GPU that is large enough. `place`
    has the memory: a GPU, or a process where the profile trains on the CPU. `before` says what is made before the training,
    `clock` what the hours are of, `cap` what `judges.spend.cap_note` says of the judge's forecast.
    """

    stage: str
    steps: int
    rows_a_step: int
    tokens_a_step: int
    training: dict[str, float]
    generation: dict[str, float]
    available: float | None
    smallest: int | None
    judge: Forecast | None
    hours: Hours | None
    place: str = "GPU"
    note: str = ""
    scoring: dict[str, float] = field(default_factory=dict)
    before: tuple[str, ...] = ()
    clock: str = "time"
    cap: str = ""

    @property
    def needed(self) -> float:
        """Bytes at the fullest moment."""
        return fullest(self.training, self.generation, self.scoring)

    @property
    def fits(self) -> bool:
        """Whether the memory suffices: that to compare with, or that of the largest GPU where there is none."""
        return self.needed <= self.available if self.available else self.smallest is not None

    def __str__(self) -> str:
        lines = [f"{self.stage}: {self._memory()}", *(f"  {text}" for text in self.before)]
        lines.append(f"  {self.clock}: {self.hours or self._no_hours()}")
        if self.judge:
            lines.append(f"  judge: {self.judge}{self.cap}")
        if not self.fits:
            lines.append(f"  {self._mend()}")
        lines.append(
            f"  {self.steps:,} steps of {self.rows_a_step:,} rows, at most {self.tokens_a_step:,} tokens, in all processes"
        )
        for name, parts in (("training", self.training), ("generation", self.generation), ("scoring", self.scoring)):
            if parts:
                listed = ", ".join(f"{part} {size / GB:.3g}" for part, size in parts.items())
                lines.append(f"  memory per {self.place}, {name}: {sum(parts.values()) / GB:.1f} GB = {listed}")
        return "\n".join([*lines, *([f"  assumed: {self.note}"] if self.note else [])])

    def _mend(self) -> str:
        if self.needed == sum(self.scoring.values()) and "vLLM" not in self.scoring:
            return "scoring holds both models whole on one GPU: take larger ones, or model.torch_dtype=bfloat16"
        if self.needed > sum(self.training.values()):
            return (
                "give the generator less: a smaller gpu_memory_utilization (methods.engine, grpo.vllm_gpu_memory_utilization), or "
                "a smaller batch_size (methods, evaluation)"
            )
        return (
            "lower per_device_train_batch_size (and raise gradient_accumulation_steps), shard (launch.accelerate: fsdp2), "
            "or use lora"
        )

    def _memory(self) -> str:
        if self.available:
            verdict = "fits" if self.fits else "CANNOT FIT"
            return f"{verdict}: {self.needed / GB:.1f} GB needed, {self.available / GB:.1f} GB per {self.place} there"
        if not self.smallest:
            return f"CANNOT FIT: {self.needed / GB:.1f} GB needed, and no GPU has more than {GPU_SIZES[-1]} GB"
        return (
            f"fits a GPU of {self.smallest} GB or more: {self.needed / GB:.1f} GB needed "
            "(no GPU here; --set launch.gpu_memory_gb=... compares with yours)"
        )

    def _no_hours(self) -> str:
        if self.place != "GPU":
            return "not measured yet"
        if self.stage == "evaluate":
            return "estimated for vLLM only (evaluation.generator=vllm)"
        return "not known: max_steps is not set"


def plan(
    profile: Profile,
    stage: str,
    shape: Shape,
    runs: Path,
    memory: float | None = None,
    gpu: str = "",
    speed: Speed | None = None,
    lengths: Lengths | None = None,
) -> Plan:
    """The plan of `stage` (sft, grpo or evaluate). `runs`: where finished runs of the profile are.

    `memory`: bytes of one GPU, or of one process's share of the machine where the profile trains on the CPU; `gpu`: its name.
    `speed` of this CPU and `lengths` of the rows give an estimate of the time where no run has measured it.
    """
    memory = profile.launch.gpu_memory_gb * GB if profile.launch.gpu_memory_gb else memory
    longest = lengths.longest if lengths else None
    smallest = smallest_gpu(lambda size: _parts(profile, stage, shape, size, longest))
    compared = memory or (smallest or GPU_SIZES[-1]) * GB  # vLLM takes a share of what there is
    training, generation = _parts(profile, stage, shape, compared, longest)
    place = "process" if on_cpu(profile, stage) else "GPU"
    common = {"available": memory, "smallest": smallest, "place": place, "note": shape.note}
    if stage == "evaluate":
        settings, answers = profile.evaluation, _answers(profile)
        steps = -(-answers // settings.batch_size)
        tokens = settings.batch_size * 2 * settings.max_new_tokens
        if speed:
            hours = evaluation_hours(profile, speed, lengths, answers)
        else:
            hours = _vllm_hours(profile, shape, answers, likely_gpu(gpu, compared)) if place == "GPU" else None
        return Plan(stage, steps, settings.batch_size, tokens, training, generation, judge=None, hours=hours, **common)
    section = getattr(profile, stage)
    batch = global_batch(profile, stage)
    steps, (prompt, answer) = section.get("max_steps", 0), _lengths(section, stage)
    hours = measured(profile, stage, steps, shape, runs)
    if hours is None and steps > 0 and place == "GPU":
        taught = stage == "grpo" and profile.teacher.use
        each = flop_per_token(shape.weights, trained_weights(profile, shape), section, taught)
        flop = steps * batch * (prompt + answer) * each
        hours = estimate(flop, likely_gpu(gpu, compared), profile.launch.processes, more=stage == "grpo")
    elif hours is None and steps > 0 and speed:
        hours = training_hours(profile, stage, speed, lengths, steps)
    judge, cap = None, ""
    if stage == "grpo" and profile.rewards.win_rate and profile.judge.name not in ("alignment", "implicit"):
        group = section.get("num_generations", 8)
        judge = forecast(profile.judge, steps * batch // group, group, _TEXT_BYTES, answer * _BYTES_PER_TOKEN)
        cap = cap_note(profile.judge, judge)
    tokens = batch * (prompt + answer)
    return Plan(stage, steps, batch, tokens, training, generation, judge=judge, hours=hours, cap=cap, **common)


def global_batch(profile: Profile, stage: str) -> int:
    """Rows (sft), completions (grpo) or pairs (preference) of one optimiser step, over all processes."""
    section = getattr(profile, stage)
    return section.get(_BATCH[0], 8) * section.get(_BATCH[1], 1) * profile.launch.processes


def batch_note(own: Profile, changed: Profile, stage: str) -> str | None:
    """What to say where another number of processes than the profile's own gives another batch; None where it does not.

    Nothing is changed by itself: whoever has fewer GPUs may want a smaller batch.
    """
    before, after = global_batch(own, stage), global_batch(changed, stage)
    had, has = own.launch.processes, changed.launch.processes
    if had == has or before == after:
        return None
    what = "completions" if stage == "grpo" else "rows"
    steps, rest = divmod(before * getattr(changed, stage).get(_BATCH[1], 1), after)
    mend = f"set {stage}.{_BATCH[1]}={steps} to keep it" if not rest else f"no {stage}.{_BATCH[1]} keeps it"
    return (
        f"note: {has} process{'es' * (has > 1)} give{'s' * (has == 1)} {after} {what} a step, the profile's {had} "
        f"give{'s' * (had == 1)} {before}; {mend}"
    )


def on_cpu(profile: Profile, stage: str) -> bool:
    """Whether the stage runs on the CPU by the profile's own wish; an evaluation runs where stage 2 does."""
    return bool(getattr(profile, "grpo" if stage == "evaluate" else stage).get("use_cpu"))


def _parts(
    profile: Profile, stage: str, shape: Shape, memory: float, longest: int | None = None
) -> tuple[dict[str, float], dict[str, float]]:
    """Components (training, generation) on a GPU with so much memory; `longest`: tokens of the longest row of SFT, if known."""
    if stage == "evaluate":
        return {}, evaluation_memory(profile, shape, memory)
    section = getattr(profile, stage)
    rows, (prompt, answer) = section.get(_BATCH[0], 8), _lengths(section, stage)
    answer = min(answer, longest) if stage == "sft" and longest else answer
    scored = answer if stage == "grpo" else prompt + answer
    training = training_memory(profile, section, shape, rows, prompt + answer, scored)
    if stage != "grpo":
        return training, {}
    if profile.rewards.win_rate and profile.judge.name == "implicit":
        training["judge"] = 2 * WIDTH[profile.judge.torch_dtype] * shape.weights
    if profile.teacher.use and profile.teacher.model != "policy":
        training["teacher"] = WIDTH[profile.model.torch_dtype] * shape.weights
    kept = {name: training[name] for name in ("weights", "optimizer", "judge", "teacher", "libraries") if name in training}
    if not section.get("use_vllm"):
        made = rows * section.get("steps_per_generation", section.get(_BATCH[1], 1))
        return training, kept | {"KV cache": cache_memory(shape, made, prompt + answer, 2 if section.get("bf16") else 4)}
    if section.get("vllm_mode", "colocate") != "colocate":
        return training, {}
    share = {"vLLM": section.get("vllm_gpu_memory_utilization", 0.3) * memory}
    return training | ({} if section.get("vllm_enable_sleep_mode") else share), kept | share


def _lengths(section: dict, stage: str) -> tuple[int, int]:
    """Tokens of prompt and answer at most."""
    if stage == "sft":
        return 0, section.get("max_length") or 1024
    answer = section.get("max_completion_length", 256)
    return max((section.get("vllm_max_model_length") or 2 * answer) - answer, 0), answer


def _vllm_hours(profile: Profile, shape: Shape, answers: int, kind: str) -> Hours | None:
    """The evaluation problems, which one process answers; None where it is not vLLM, whose pace alone is known."""
    if profile.evaluation.generator != "vllm":
        return None
    prompts, tokens = answers // (profile.evaluation.samples + 1), min(ANSWER_TOKENS, profile.evaluation.max_new_tokens)
    asked = Prompts("", prompts, prompts * PROMPT_TOKENS, answers)
    found = vllm_hours(profile, shape, [asked], tokens, kind, processes=1)
    return replace(found, basis=f"{found.basis}; {tokens} tokens an answer and {PROMPT_TOKENS} a prompt ASSUMED")


def _answers(profile: Profile) -> int:
    languages = profile.data.eval_languages or profile.data.languages
    return profile.data.eval_problems * len(languages) * (profile.evaluation.samples + 1)
