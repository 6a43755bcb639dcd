"""The wire shapes of submissions, which only admins see."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.api.schemas import Attempt


class _Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class SubmissionObject(_Wire):
    """One paid request to a provider. Times are unix seconds, money is dollars.

    `status` is unknown while an operator should look into it, pending while the gateway still does, settled after that;
    `phase` says what is known. `cost` is what an operator booked as lost; `attempts` is all that was tried for the
    output.
    """

    id: str
    object: Literal["submission"]
    status: Literal["unknown", "pending", "settled"]
    phase: Literal["submitting", "accepted", "refused", "unsent", "resent", "charged", "not_charged"]
    provider: str
    endpoint: str
    model: str
    video_id: str
    output_index: int
    owner: str
    prompt: str
    sent_at: int
    answered_at: int | None
    upstream_id: str | None
    cost_estimate: float | None
    cost: float | None
    cost_currency: Literal["USD"]
    attempts: list[Attempt]


class SubmissionList(_Wire):
    """A page of submissions."""

    object: Literal["list"]
    data: list[SubmissionObject]
    first_id: str | None
    last_id: str | None
    has_more: bool


class Accepted(_Wire):
    """The provider has the job under this id."""

    outcome: Literal["accepted"]
    upstream_id: Annotated[str, Field(pattern="^[!-~]{1,256}$")]


class ChargedDollars(_Wire):
    """The job is lost, and cost so many dollars."""

    outcome: Literal["charged"]
    cost_usd: Annotated[float, Field(ge=0.000001, le=1000)]


class ChargedMicros(_Wire):
    """The job is lost, and cost so many micro-dollars."""

    outcome: Literal["charged"]
    cost_micros: Annotated[int, Field(ge=1, le=1_000_000_000)]


class NotCharged(_Wire):
    """The provider took no money."""

    outcome: Literal["not_charged"]


RESOLUTIONS = (Accepted, ChargedDollars, ChargedMicros, NotCharged)
