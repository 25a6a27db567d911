"""The sections of a profile: what each may hold, checked field by field; a misspelt name is refused with the nearest known one."""

from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from sp3f_lib.languages import get_language

FOLDER = Path(__file__).parent


class ProfileError(ValueError):
    """A profile or an override that cannot be right; the message names the key and the nearest known one."""


def nearest(word: str, known) -> str:
    """The end of an error message: the known word nearest to `word`, or all of them."""
    near = get_close_matches(str(word), [str(k) for k in known], n=1, cutoff=0.5)
    return f"; nearest known: {near[0]!r}" if near else f"; known: {', '.join(sorted(map(str, known)))}"


class Section(BaseModel):
    # Defaults too: a 0 where 0.0 is meant would be another key once the profile has been saved and read.
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class Model(Section):
    """Where the base model comes from: `lab` or `lab-1` (shipped), `recipe` (trained here by the sections `lab` and `base`), a
    model directory, or a hub id."""

    path: str = Field("lab", description="lab, lab-1, recipe, a model directory, or a hub id")
    revision: str | None = Field(None, description="of a hub id")
    torch_dtype: Literal["float32", "bfloat16"] = Field("float32", description="of the weights when they are loaded")


class LabModel(Section):
    """The lab's base model: a Llama from configuration, and the mix of languages that makes it English-dominant."""

    hidden_size: int = 128
    layers: int = 4
    heads: int = 4
    key_value_heads: int = 1
    intermediate_size: int = 384
    vocab_size: int = 2048
    problems: int = Field(48000, description="in its training text")
    threads: int | None = None
    shares: dict[str, float] = Field(default_factory=dict, description="share of the mix by language; the rest is English")
    answered_in_english: float = Field(0.7, ge=0, le=1, description="share of the other languages' questions")
    without_steps: float = Field(0.25, ge=0, le=1, description="share of answers that are the result alone")
    translations: float = Field(0, ge=0, le=1, description="share of the mix: solutions to be translated")
    instructed: float = Field(0, ge=0, le=1, description="share: English questions with ICR's sentence")
    measured: int = Field(100, gt=0, description="problems by which each ability is measured for the card")

    @field_validator("shares")
    @classmethod
    def _leave_english_its_share(cls, shares):
        for code in shares:
            get_language(code)
        if min(shares.values(), default=0) < 0 or sum(shares.values()) > 1:
            raise ValueError(f"shares must be positive and sum to at most 1, not {sum(shares.values()):g}")
        return shares

    @model_validator(mode="after")
    def _leave_questions_their_share(self):
        total = self.translations + self.instructed
        if total > 1:
            raise ValueError(f"translations and instructed must sum to at most 1, not {total:g}")
        if total and not self.shares:
            raise ValueError("translations and instructed need a language besides English: give it a share in `shares`")
        return self


_Operations = Annotated[int, Field(ge=1, le=6)]


class Data(Section):
    """Which problems, in which languages. Numbers are problems per language.

    `eval_seed` draws the lab's evaluation problems. Settings are chosen on other seeds (LOG.md: 1000003), never on this one.
    """

    source: Literal["lab", "mgsm", "rows", "sp3f", "deepscaler"] = Field(
        "lab", description="the lab's own problems, MGSM, rows of one's own, SP3F's released data, or DeepScaleR (English)"
    )
    folder: str | None = Field(None, description="of the source's files; null: the hub")
    languages: tuple[str, ...] = Field(min_length=1, description="codes of the table in languages.py")
    rl_languages: tuple[str, ...] | None = Field(
        None, min_length=1, description="of stage 2, and of ICR's and LIDR's prompts; null: languages"
    )
    eval_languages: tuple[str, ...] | None = Field(None, min_length=1, description="of the evaluation; null: languages")
    sft_problems: int = Field(gt=0, description="of the split for SFT")
    sft_operations: tuple[_Operations, ...] = Field((2, 3, 4), description="steps of the lab's problems")
    rl_problems: int = Field(gt=0, description="of the split for stage 2")
    rl_operations: tuple[_Operations, ...] = Field((2, 3, 4), description="steps; repeated numbers are more frequent")
    eval_problems: int = Field(gt=0, description="of the evaluation")
    eval_operations: tuple[_Operations, ...] | None = Field(None, description="null: as in stage 2")
    max_suspect: float | None = Field(
        0.02, ge=0, le=1, description="share of a language's rows that may have a fault; null: rows are believed"
    )
    eval_seed: int = Field(2_000_003, description="draws the lab's evaluation problems")

    @field_validator("languages", "rl_languages", "eval_languages")
    @classmethod
    def _known(cls, codes):
        for code in codes or ():
            get_language(code)
        return codes


class Rewards(Section):
    """Weights of the four terms of the reward (SP3F: all 1), of more, and the fidelity threshold."""

    accuracy: float = Field(1.0, description="weight: the boxed answer is right")
    parseable: float = Field(1.0, description="weight: there is a boxed answer")
    fidelity: float = Field(1.0, description="weight: in the language of the question")
    win_rate: float = Field(1.0, description="weight of the judge; 0: no judge")
    more: dict[str, float] = Field(
        default_factory=dict, description="weights of terms of one's own, by name: rewards/own.py"
    )
    threshold: float = Field(0.7, ge=0, le=1, description="share of the language from which an answer is faithful")
    language_shape: Literal["add", "gated", "adaptive"] = Field(
        "add",
        description="how fidelity enters the sum: as a term, as a condition of all others, or as a growing bonus on right answers",
    )
    language_bonus: float = Field(
        2.0, ge=0, description="of `adaptive` at the end of the training, times the weight of fidelity"
    )


class Hint(Section):
    """The first part of the translated solution stands before what the policy writes: training/hints.py. Never in an evaluation."""

    use: bool = Field(False, description="the arms `hint` and `sp3f_hint` set it")
    chunks: int = Field(
        5, gt=1, description="parts of a solution, by sentences; the last one, with the answer, is never given"
    )
    until: float = Field(0.6, gt=0, le=1, description="share of the steps after which no hint is given")


class Teacher(Section):
    """A model that sees the English solution scores every token that the policy writes without it: training/teacher.py.

    `model` is `policy` (the model that is being trained, as it is at each step), or a frozen one: a model of the table such as
    `base`, a directory or hub id. `context` is how it is given the solution.
    """

    use: bool = Field(False, description="the arms `opsd`, `rlvr_opsd` and `rlvr_opsd_unsolved` set it")
    model: str = Field("policy", description="policy, another model of the table, a directory or hub id")
    revision: str | None = Field(None, description="of a hub id")
    context: Literal["solve", "translate"] = Field(
        "solve", description="the solution stands in the question, or is to be translated (self-translation's prompt)"
    )
    weight: float = Field(1.0, gt=0, description="w: of the log-ratio in the advantage of a token")
    clip: float = Field(5.0, gt=0, description="bound of the log-ratio of a token, nats")
    groups: Literal["all", "unsolved"] = Field(
        "all", description="in which groups it teaches; unsolved: those without a right answer"
    )


class Judge(Section):
    """The judge: its name, what it is shown beside the question, how it is asked about a group, and what a response gets for it.

    Most schedules compare pairs. `listwise` ranks the whole group in one call, `score` gives each response 0 to 10, and `agreement`
    is the embedded judge's own number without any judge. `calls` is the budget per group of `sampled` and `adaptive`, and the
    number of permutations of `listwise`. `accuracy` to `missing` make a noisy judge of the embedded one: judges/noise.py. From
    `model` on, the fields are those of judges that ask a language model (`api`, `local`). `temperature: null` and
    `max_tokens: null` send none, for models that accept only their own; `extra` is sent as it stands. `torch_dtype` is that of a
    judge whose weights are loaded here. `reference_model` to `system` are those of the judge `implicit`. The fields after `system`
    say how to ask, not what: see `measurement`.
    """

    name: Literal["alignment", "api", "local", "implicit"] = Field(
        "alignment", description="embedded, an endpoint, a model loaded here, or two models' log-ratio"
    )
    privilege: Literal["none", "answer", "solution", "translated", "wrong"] = Field(
        "solution", description="what it is shown beside the question"
    )
    schedule: Literal["all_ordered", "balanced", "sampled", "adaptive", "listwise", "score", "agreement"] = Field(
        "balanced", description="which pairs of a group it compares, or how else it is asked"
    )
    calls: int | None = Field(
        None, gt=0, description="budget of a group, for sampled and adaptive; permutations, for listwise"
    )
    reward: Literal["win_rate", "raw", "matched"] = Field(
        "win_rate",
        description="what a response gets; raw: its score or agreement, matched: with the deviation of its group's win rates",
    )
    accuracy: float = Field(1.0, ge=0.5, le=1, description="of the embedded judge: share of decisions that are not spoilt")
    slot_bias: float = Field(0.0, ge=-0.5, le=0.5, description="of the embedded judge: mean preference for slot A minus 0.5")
    missing: float = Field(0.0, ge=0, le=1, description="of the embedded judge: share of replies without a verdict")
    model: str | None = Field(None, description="name at the endpoint, directory or hub id")
    # Ours, 0: the same pair gets the same verdict, as far as a server can.
    temperature: float | None = Field(0.0, ge=0, le=2, description="null: none is sent")
    max_tokens: int | None = Field(1024, gt=0, description="of a reply; null: none is sent")
    logprobs: bool = Field(False, description="a graded preference from the verdict's token")
    extra: dict[str, Any] = Field(default_factory=dict, description="sent as it stands")
    torch_dtype: Literal["float32", "bfloat16"] = Field("float32", description="of the judges `local` and `implicit`")
    reference_model: str | None = Field(None, description="the SFT model that judge.model was tuned from")
    beta: float = Field(0.1, gt=0, description="of the DPO that made judge.model")
    length_penalty: float = Field(0.0, ge=0, description="nats a character")
    system: bool = Field(True, description="the English instruction stands before the question, as in rows made here")
    overlap: int = Field(1, gt=0, description="parts of a step's completions, each judged while the next is generated")
    concurrency: int = Field(32, gt=0, description="requests at once")
    requests_per_minute: float | None = Field(None, gt=0, description="null: no limit")
    tokens_per_minute: float | None = Field(None, gt=0, description="null: no limit")
    timeout_seconds: float = Field(120.0, gt=0, description="of one try")
    max_retries: int = Field(5, ge=0, description="of one request")
    retry_seconds: float = Field(300.0, gt=0, description="all tries of one request together")
    failure_limit: float = Field(0.2, gt=0, le=1, description="share of the last `failure_window` requests")
    failure_window: int = Field(200, gt=0)
    patience_seconds: float = Field(900.0, ge=0, description="how long to wait for a failing endpoint before stopping")
    max_usd: float | None = Field(None, gt=0, description="hard cap of one run")
    max_calls: int | None = Field(None, gt=0, description="hard cap of one run")
    price: tuple[float, float] | None = Field(None, description="USD per million tokens in and out; default: the table")
    ledger: str = Field("runs/verdicts.sqlite", description="where every reply is kept")
    offline: bool = Field(False, description="only what the ledger holds; never asks")
    batch_size: int = Field(16, gt=0, description="of the judges `local` and `implicit`")

    @model_validator(mode="after")
    def _a_language_model_has_a_name(self):
        if self.name in ("api", "local") and not self.model:
            example = "gpt-4o-mini" if self.name == "api" else "a model directory, a hub id, or 'policy' for self-judging"
            raise ValueError(f"the judge {self.name!r} needs judge.model, such as {example}")
        if self.name == "implicit":
            needed = {"model": "the preference-tuned model", "reference_model": "the SFT model it was tuned from"}
            for field, what in needed.items():
                if getattr(self, field) in (None, "", "policy"):
                    raise ValueError(f"the judge 'implicit' needs judge.{field}: {what}, a model directory or a hub id")
        if self.overlap > 1 and self.name != "api":
            raise ValueError(f"judge.overlap is for the judge 'api', which works elsewhere; {self.name!r} works here")
        if self.calls and self.schedule not in ("sampled", "adaptive", "listwise"):
            raise ValueError(
                f"judge.calls is for the schedules sampled, adaptive and listwise; {self.schedule!r} fixes its calls"
            )
        return self

    @model_validator(mode="after")
    def _the_schedule_suits_the_judge(self):
        if self.name == "implicit" and self.schedule in ("listwise", "score"):
            raise ValueError(f"the judge 'implicit' compares pairs; judge.schedule {self.schedule!r} is for the others")
        if self.name != "alignment" and self.schedule == "agreement":
            raise ValueError(
                f"judge.schedule 'agreement' is the embedded judge's own number; set judge.name to alignment, not {self.name!r}"
            )
        if self.reward != "win_rate" and self.schedule not in ("score", "agreement"):
            raise ValueError(
                f"judge.reward {self.reward!r} is for the schedules score and agreement; {self.schedule!r} gives win rates only"
            )
        if self.name != "alignment" and (self.accuracy, self.slot_bias, self.missing) != (1.0, 0.0, 0.0):
            raise ValueError(
                f"judge.accuracy, slot_bias and missing spoil the embedded judge, 'alignment'; {self.name!r} errs by itself"
            )
        if abs(self.slot_bias) > 1 - self.accuracy + 1e-9:
            raise ValueError(
                f"judge.slot_bias {self.slot_bias:g} is impossible at judge.accuracy {self.accuracy:g}: a judge that is right so "
                f"often has one of at most {1 - self.accuracy:g}"
            )
        return self

    def measurement(self) -> dict[str, Any]:
        """The fields that decide verdicts. The others may change within a run: caps are raised, limits are lowered."""
        return {name: value for name, value in self.model_dump().items() if name not in _HOW_TO_ASK}


_HOW_TO_ASK = {
    "concurrency", "requests_per_minute", "tokens_per_minute", "timeout_seconds", "max_retries", "retry_seconds", "failure_limit",
    "failure_window", "patience_seconds", "max_usd", "max_calls", "price", "ledger", "offline", "batch_size",
}  # fmt: skip


class Server(Section):
    """An OpenAI-compatible server that samples for ICR and LIDR (LLM_API_URL, LLM_API_KEY); `model`: its name there."""

    model: str | None = Field(None, description="default: the path of the policy, which a wrong server refuses")
    vllm: bool = Field(True, description="it takes vLLM's extensions: token ids, repetition penalty")
    concurrency: int = Field(64, gt=0)
    timeout_seconds: float = Field(1800.0, gt=0)
    max_retries: int = Field(20, ge=0)
    retry_seconds: float = Field(3600.0, gt=0, description="all tries of one request together")


class Methods(Section):
    """The preference methods, ICR and LIDR: what they start from, on which prompts, how they sample and score.

    `start` is the policy that the first iteration begins with, `reference` the model below the line of ICR's reward in every
    iteration. Both are `dpo` (made here from `sft`: its child by DPO on verified English answers), `sft`, `base`, or a model
    directory or hub id. Numbers of prompts are per language.
    """

    start: str = Field("dpo", description="dpo, another model of the table, a directory or hub id")
    reference: str = Field("sft", description="the same, below the line of ICR's reward")
    prompts: str | None = Field(None, description="folder of parallel prompts; default: the problems of the rl split")
    problems: int | None = Field(None, gt=0, description="the first so many prompts; default: all")
    regime: str | None = Field(None, description="in which notebooks 07 and 08 run; default: the profile's own")
    intersect: bool = Field(False, description="leave out prompts that one language lacks; otherwise they are an error")
    english_pairs: int = Field(1, gt=0, description="of one English prompt at most, for the model `dpo`")
    samples: int = Field(10, gt=1, description="responses to a prompt, for ICR")
    temperature: float = Field(0.9, gt=0, description="of ICR's responses")
    top_p: float = Field(1.0, gt=0, le=1, description="of ICR's responses")
    rewards: tuple[Literal["R_c", "R_m", "R_t"], ...] = Field(
        ("R_c",), min_length=1, description="that notebook 07 compares; icr_m_1 and icr_t_1 do not need to stand here"
    )
    length_control: bool = Field(True, description="ICR's penalty a character")
    upper_bounds: tuple[float | None, ...] = Field((None,), min_length=1, description="by iteration; the last one goes on")
    repetition_penalty: float = Field(1.1, ge=1, description="of LIDR's greedy answers")
    max_new_tokens: int = Field(2400, gt=0, description="of an answer")
    translation_tokens: int = Field(2400, gt=0, description="of a translation")
    batch_size: int = Field(16, gt=0, description="responses that are generated at once")
    scoring_batch_size: int = Field(8, gt=0, description="responses that are scored at once")
    generator: Literal["transformers", "vllm", "server"] = Field("transformers", description="who samples")
    server: Server = Server()
    engine: dict[str, Any] = Field(default_factory=dict, description="of vLLM's LLM, such as {gpu_memory_utilization: 0.5}")

    def upper_bound(self, iteration: int) -> float | None:
        """ICR's bound on chosen responses in an iteration (from 1)."""
        return self.upper_bounds[min(iteration, len(self.upper_bounds)) - 1]


class SelfTranslation(Section):
    """The model `self_translate_sft`: right English answers, translated by the model that gave them, as rows for SFT.

    What is generated, and with what, is otherwise as section `methods` says; the training is that of section `sft`.
    """

    start: str = Field("sft", description="what is trained: a model of the table, a directory or hub id")
    model: str = Field("base", description="the same, who answers and translates")
    answers: int = Field(4, gt=0, description="English answers to a problem")
    temperature: float = Field(0.9, gt=0, description="of the English answers")
    rows: int = Field(1, gt=0, description="at most, of one problem in one language")


_Action = Literal["off", "warn", "stop"]


class Alarms(Section):
    """What a training watches over the last `window` logged steps, and whether it warns or stops: see training/alarms.py."""

    window: int = Field(20, gt=1)
    nan: _Action = Field("stop", description="a loss or gradient that is no number")
    collapse: _Action = Field("warn", description="fidelity falls while accuracy rises")
    collapse_drop: float = Field(0.1, gt=0, le=1, description="of mean fidelity below its best window, while accuracy rose")
    no_verdict: _Action = Field("warn", description="the judge is silent")
    no_verdict_share: float = Field(0.2, gt=0, le=1)
    no_signal: _Action = Field("warn", description="groups whose rewards are all equal")
    no_signal_share: float = Field(0.9, gt=0, le=1)
    length: _Action = Field("warn", description="answers grow")
    length_factor: float = Field(3.0, gt=1, description="mean length against that of the first window")


class Tracking(Section):
    """Where a training can be watched: `report_to` (tensorboard, trackio, wandb; metrics.jsonl is always written), and samples."""

    report_to: tuple[Literal["tensorboard", "trackio", "wandb"], ...] = Field(
        ("tensorboard",), description="where the metrics are shown; metrics.jsonl is always written"
    )
    samples_every: int = Field(10, ge=0, description="steps of GRPO between written completions; 0 for never")


class Evaluation(Section):
    """Sampling of the evaluation: `samples` per problem at `temperature` and `top_p`, and one greedy answer."""

    samples: int = Field(8, gt=0, description="answers to a problem")
    temperature: float = Field(0.7, gt=0, description="of the sampled answers")
    top_p: float = Field(0.8, gt=0, le=1, description="of the sampled answers")
    max_new_tokens: int = Field(2048, gt=0, description="of an answer")
    batch_size: int = Field(128, gt=0, description="answers that are generated at once")


class Launch(Section):
    """In how many processes SFT and GRPO train: one per GPU. `single` is this process; the others start `accelerate launch`.

    `accelerate` is a file of profiles/accelerate (or the path of one's own). Mixed precision is that of the section's `bf16`.
    """

    accelerate: str = Field("single", description="single, ddp, fsdp2, zero3, or the path of a file")
    processes: int = Field(1, gt=0, description="over all machines")
    machines: int = Field(1, gt=0, description="more than one: inside a SLURM job, through srun")
    port: int = Field(0, ge=0, description="of the first process; 0: any that is free (one machine only)")
    gpu_memory_gb: float | None = Field(None, gt=0, description="for --dry-run; default: what this machine's GPU has")
    grace_seconds: float = Field(240.0, gt=0, description="after a signal, for finishing the step and saving")

    @property
    def file(self) -> Path:
        """The accelerate configuration."""
        return (
            Path(self.accelerate) if self.accelerate.endswith(".yaml") else FOLDER / "accelerate" / f"{self.accelerate}.yaml"
        )

    @model_validator(mode="after")
    def _processes_fit(self):
        if not self.file.is_file():
            known = [path.stem for path in (FOLDER / "accelerate").glob("*.yaml")]
            raise ValueError(f"accelerate: there is no configuration {self.accelerate!r}{nearest(self.accelerate, known)}")
        if self.processes % self.machines:
            raise ValueError(f"processes ({self.processes}) must be a multiple of machines ({self.machines})")
        if self.accelerate == "single" and self.processes > 1:
            raise ValueError(f"'single' is one process, not {self.processes}; set launch.accelerate to ddp, fsdp2 or zero3")
        if self.accelerate == "ddp" and self.processes < 2:
            raise ValueError("'ddp' needs at least 2 processes; set launch.processes, or launch.accelerate to single")
        return self
