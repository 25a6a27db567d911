"""How an endpoint is asked, whatever for: pace, tries, caps, where the replies are kept. Sections judge and translate share it."""

from pydantic import Field

from sp3f_lib.profiles.section import Section


class Asking(Section):
    """Fields that say how to ask, not what: they decide no reply, and may change within a run: caps are raised, limits lowered."""

    concurrency: int = Field(32, gt=0, description="requests at once")
    requests_per_minute: float | None = Field(None, gt=0, description="null: no limit")
    tokens_per_minute: float | None = Field(None, gt=0, description="null: no limit")
    timeout_seconds: float = Field(120.0, gt=0, description="of one try")
    max_retries: int = Field(5, ge=0, description="of one request")
    retry_seconds: float = Field(300.0, gt=0, description="all tries of one request together")
    failure_limit: float = Field(0.2, gt=0, le=1, description="share of the last `failure_window` requests")
    failure_window: int = Field(200, gt=0)
    patience_seconds: float = Field(900.0, ge=0, description="how long to wait for a failing endpoint before stopping")
    max_usd: float | None = Field(None, gt=0, description="hard cap of one run, or of one folder of rows")
    max_calls: int | None = Field(None, gt=0, description="the same, in replies")
    price: tuple[float, float] | None = Field(None, description="USD per million tokens in and out; default: the table")
    ledger: str = Field(description="where every reply is kept")
