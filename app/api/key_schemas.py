"""The wire shapes of API keys, balance and usage. Money is dollars, times are unix seconds."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from app.domain.limits import Period, Role

_Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=100)]
_Names: TypeAlias = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=256)]], Field(min_length=1, max_length=100)
]
_Count: TypeAlias = Annotated[int, Field(ge=1, le=1_000_000)]


class _Wire(BaseModel):
    model_config = ConfigDict(extra="forbid")


class KeyChanges(_Wire):
    """What to set of a key; what is left out stays, and null takes a limit away.

    `reader` sees what the key owns, and makes or changes nothing. `budget_usd` is per `budget_period` of UTC. Under a
    budget, what has no price is refused, unless `allow_unpriced`.
    """

    name: _Name = ""
    role: Role = "member"
    budget_usd: Annotated[float, Field(ge=0, le=1e9)] | None = None
    budget_period: Period = "total"
    requests_per_minute: _Count | None = None
    max_concurrent: _Count | None = None
    models: _Names | None = None
    providers: _Names | None = None
    allow_unpriced: bool = False
    expires_at: Annotated[int, Field(ge=0, le=1 << 40)] | None = None


class KeyRequest(KeyChanges):
    """A key to make."""

    name: _Name


class KeyRotation(_Wire):
    """How many seconds the old secret stays good."""

    grace_seconds: Annotated[float, Field(ge=0, le=30 * 86_400)] = 0


class KeyObject(_Wire):
    """An API key; `key` itself only in the answer that made it.

    `spent_usd` is what was spent in this period of the budget, `reserved_usd` what may still be charged for what is
    under way. `previous_expires_at` is when the secret before the last rotation stops being good.
    """

    id: str
    object: Literal["api_key"]
    name: str
    role: Role
    prefix: str
    key: str | None = None
    created_at: int
    last_used_at: int | None
    expires_at: int | None
    revoked_at: int | None
    previous_expires_at: int | None
    budget_usd: float | None
    budget_period: Period
    spent_usd: float
    reserved_usd: float
    requests_per_minute: int | None
    max_concurrent: int | None
    models: list[str] | None
    providers: list[str] | None
    allow_unpriced: bool


class KeyList(_Wire):
    """Every key."""

    object: Literal["list"]
    data: list[KeyObject]


class KeyDeleted(_Wire):
    """The answer to a revocation; with `cancel` it counts the videos that this ended."""

    id: str
    object: Literal["api_key.deleted"]
    deleted: Literal[True]
    cancelled_videos: int | None = None


class Amount(_Wire):
    """Money."""

    amount: float
    currency: Literal["usd"]


class BalanceObject(_Wire):
    """What the calling key may still spend, has spent in this period, and has reserved; null where unlimited."""

    object: Literal["balance"]
    available: Amount | None
    limit: float | None
    spent: float
    reserved: float
    period: Period
    resets_at: int | None


class UsageGroup(_Wire):
    """What a group comes to; it has the one name that it was grouped by. `seconds` are those of the finished outputs.

    `videos` were finished or cost something.
    """

    day: str | None = None
    model: str | None = None
    provider: str | None = None
    key: str | None = None
    videos: int
    outputs: int
    seconds: float
    cost: float
    currency: Literal["usd"]


class UsageList(_Wire):
    """The ledger, added up by group."""

    object: Literal["list"]
    data: list[UsageGroup]
