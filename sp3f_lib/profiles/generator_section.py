"""Who generates: the fields that the sections of every generator share (`methods`, `evaluation`)."""

from typing import Any, Literal

from pydantic import Field

from sp3f_lib.profiles.section import Section


class Server(Section):
    """An OpenAI-compatible server that generates (LLM_API_URL, LLM_API_KEY); `model`: its name there."""

    model: str | None = Field(None, description="default: the path of the policy, which a wrong server refuses")
    vllm: bool = Field(True, description="it takes vLLM's extensions: token ids, repetition penalty")
    concurrency: int = Field(64, gt=0)
    timeout_seconds: float = Field(1800.0, gt=0)
    max_retries: int = Field(20, ge=0)
    retry_seconds: float = Field(3600.0, gt=0, description="all tries of one request together")


class Generator(Section):
    """Transformers in this process, vLLM in this process, or a server."""

    generator: Literal["transformers", "vllm", "server"] = Field("transformers", description="who samples")
    server: Server = Server()
    engine: dict[str, Any] = Field(default_factory=dict, description="of vLLM's LLM, such as {gpu_memory_utilization: 0.5}")
