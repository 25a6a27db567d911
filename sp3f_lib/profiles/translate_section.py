"""The section `translate`: who translates training data, how he is asked, and when a language is given up."""

from typing import Any, Literal

from pydantic import Field, model_validator

from sp3f_lib.profiles.asking_section import Asking


class Translate(Asking):
    """Training data for other languages (`sp3f translate`): who translates, in which words he is asked, what is kept.

    `name` is `api` (an endpoint: LLM_API_URL, LLM_API_KEY), or `local` and `vllm` (a model in this process).
    """

    name: Literal["api", "local", "vllm"] = Field("api", description="an endpoint, or a model here by transformers or vLLM")
    model: str | None = Field(None, description="name at the endpoint, directory or hub id")
    request: Literal["chat", "tags"] = Field(
        "chat", description="our instruction for chat models, or that of LIDR's self-translation, for models trained on it"
    )
    candidates: int = Field(2, gt=0, description="tries a row: one that fails a check goes back with its reason")
    digits: Literal["ascii", "language"] = Field(
        "ascii", description="of the translation: as in English, or as the language writes"
    )
    shares: tuple[float, float, float] = Field((0.45, 0.45, 0.1), description="of the problems, for sft, rl and eval")
    give_up: float = Field(
        0.8, gt=0, le=1, description="share of a language's first tries that may fail; above it nothing more is asked"
    )
    temperature: float | None = Field(0.0, ge=0, le=2, description="null: none is sent")
    max_tokens: int | None = Field(4096, gt=0, description="of a reply; null: none is sent")
    extra: dict[str, Any] = Field(default_factory=dict, description="sent as it stands, or fields of vLLM's LLM")
    judge: bool = Field(False, description="the translator scores each kept row, 1 to 5: a column, nothing is dropped by it")
    solver: str | None = Field(
        None, description="name at the endpoint of a model that answers the questions: columns as well"
    )
    torch_dtype: Literal["float32", "bfloat16"] = Field("float32", description="of a model here")
    batch_size: int = Field(16, gt=0, description="of a model here")
    timeout_seconds: float = Field(300.0, gt=0, description="of one try")
    retry_seconds: float = Field(900.0, gt=0, description="all tries of one request together")
    ledger: str = Field("runs/translations.sqlite", description="where every reply is kept")

    @model_validator(mode="after")
    def _fields_go_together(self):
        if self.request == "tags" and self.name == "api":
            raise ValueError(
                "request: tags begins the reply, which a chat endpoint does not take; set name to local or vllm"
            )
        if self.name != "api" and (self.judge or self.solver):
            raise ValueError("judge and solver are asked at an endpoint: set name to api")
        if abs(sum(self.shares) - 1) > 1e-6 or min(self.shares) <= 0:
            raise ValueError(f"shares must be three positive numbers that add up to 1, not {list(self.shares)}")
        return self
