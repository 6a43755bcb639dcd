"""The wire shapes of the request log."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.api.queries import DIGITS

_Word = Annotated[str | None, Field(max_length=256)]
_Time = Annotated[int | None, Field(ge=0, le=1 << 40), DIGITS]


class _Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class RequestObject(_Wire):
    """One request and, where it was about a video, what became of that. `created_at` is unix seconds.

    `status_code` and `duration_ms` are of the HTTP answer; `status`, `job_seconds`, `providers` and `cost` (dollars) of
    the video, as they are now. `error_code` says why the request was refused, or else why the video failed.
    """

    id: str
    object: Literal["request"]
    request_id: str
    created_at: int
    key_id: str
    method: str
    route: str
    status_code: int
    error_code: str | None
    duration_ms: float
    model: str | None
    video_id: str | None
    status: Literal["queued", "in_progress", "completed", "failed"] | None
    providers: list[str]
    cost: float | None
    cost_currency: Literal["USD"]
    job_seconds: float | None


class RequestList(_Wire):
    """A page of the request log."""

    object: Literal["list"]
    data: list[RequestObject]
    first_id: str | None
    last_id: str | None
    has_more: bool


class RequestsQuery(BaseModel):
    """What a listing of requests may ask for; times are unix seconds."""

    after: _Word = None
    limit: Annotated[int, Field(ge=0, le=100), DIGITS] = 20
    key_id: _Word = None
    video_id: _Word = None
    model: _Word = None
    status: Literal["queued", "in_progress", "completed", "failed"] | None = None
    error_code: _Word = None
    created_after: _Time = None
    created_before: _Time = None
