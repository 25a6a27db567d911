"""The sections of ICR and LIDR, `methods` and `self_translation`: starts, prompts, sampling, and who samples."""

from typing import Literal

from pydantic import Field

from sp3f_lib.profiles.generator_section import Generator
from sp3f_lib.profiles.section import Section


class Methods(Generator):
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
