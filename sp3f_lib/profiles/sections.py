"""The sections of a profile: what each may hold, checked field by field; a misspelt name is refused with the nearest known one.

Some have a file of their own: the judge (judge_section.py), the preference methods (methods_section.py), translation
(translate_section.py); what `methods` and `evaluation` share (who generates) is in generator_section.py.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from sp3f_lib.languages import get_language
from sp3f_lib.profiles.generator_section import Generator
from sp3f_lib.profiles.section import FOLDER, Section, nearest


class Model(Section):
    """Where the base model comes from: `lab` or `lab-1` (shipped), `recipe` (trained here by the sections `lab` and `base`),
    `smollm2` (a real one from a Python package, `make real`), a model directory, or a hub id."""

    path: str = Field("lab", description="lab, lab-1, recipe, smollm2, a model directory, or a hub id")
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

    source: Literal["lab", "mgsm", "gsm8k", "rows", "sp3f", "deepscaler"] = Field(
        "lab",
        description="the lab's own problems, MGSM, GSM8K in translation, rows of one's own, SP3F's data, or DeepScaleR (English)",
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


class Evaluation(Generator):
    """Sampling of the evaluation: `samples` per problem at `temperature` and `top_p`, and one greedy answer; and tasks beside the
    evaluation split (docs/evaluation.md)."""

    samples: int = Field(8, gt=0, description="answers to a problem")
    temperature: float = Field(0.7, gt=0, description="of the sampled answers")
    top_p: float = Field(0.8, gt=0, le=1, description="of the sampled answers")
    max_new_tokens: int = Field(2048, gt=0, description="of an answer")
    batch_size: int = Field(128, gt=0, description="answers that are generated at once")
    tasks: tuple[str, ...] = Field((), description="belebele, global_mmlu_lite, mgsm, mt_math100, or .yaml files")
    folder: str | None = Field(None, description="of the tasks' files; null: the hub")
    languages: tuple[str, ...] | None = Field(
        None, min_length=1, description="of the tasks; null: those of data's evaluation that the task (and folder) has"
    )
    limit: int | None = Field(None, gt=0, description="problems of a task in each language; null: all")

    @field_validator("languages")
    @classmethod
    def _known(cls, codes):
        for code in codes or ():
            get_language(code)
        return codes


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
