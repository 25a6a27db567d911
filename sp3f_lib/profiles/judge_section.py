"""The section `judge`: who judges, what is shown, how it is asked, what a response gets, and what it may cost."""

from typing import Any, Literal

from pydantic import Field, model_validator

from sp3f_lib.profiles.asking_section import Asking


class Judge(Asking):
    """The judge: its name, what it is shown beside the question, how it is asked about a group, and what a response gets for it.

    Most schedules compare pairs. `listwise` ranks the whole group in one call, `score` gives each response 0 to 10, and `agreement`
    is the embedded judge's own number without any judge. `calls` is the budget per group of `sampled` and `adaptive`, and the
    number of permutations of `listwise`. `accuracy` to `missing` make a noisy judge of the embedded one: judges/noise.py. From
    `model` on, the fields are those of judges that ask a language model (`api`, `local`). `temperature: null` and
    `max_tokens: null` send none, for models that accept only their own; `extra` is sent as it stands. `torch_dtype` is that of a
    judge whose weights are loaded here. `reference_model` to `system` are those of the judge `implicit`.
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
        """The fields that decide verdicts."""
        return self.model_dump(exclude={*Asking.model_fields, "offline", "batch_size"})
