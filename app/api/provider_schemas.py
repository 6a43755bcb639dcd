"""The wire shapes of /providers. Times are unix seconds, money is dollars."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class _Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class BreakerObject(_Wire):
    """Whether the provider is left alone (open) or only tried (half_open), after how many faults in a row."""

    state: Literal["closed", "open", "half_open"]
    failures: int
    retry_in_seconds: float


class SubmitCounts(_Wire):
    """Paid requests by what became of them; unsent ones never left, the unknown have no answer, yet or at all."""

    accepted: int
    refused: int
    unsent: int
    unknown: int


class FailureCount(_Wire):
    """How many outputs failed with a code, for good or before another provider was tried."""

    code: str
    count: int


class LastRefusal(_Wire):
    """Why the newest refused request was refused, never in the provider's words; `code` is null for a busy provider."""

    code: str | None
    message: str
    at: int


class ProviderBalance(_Wire):
    """What is left of the account at the provider, as it told then."""

    amount: float
    currency: Literal["usd"]
    checked_at: int


class ProviderObject(_Wire):
    """How a provider did in the last `window_seconds`; `order` counts from 1, the one that is preferred.

    `failed_over` are outputs that it took and failed at, so that the next was tried: `completed` and `failed` count
    them where they ended. `success_rate` is completed of all three, but for what ended through its caller: cancelled,
    invalid_input, moderation_blocked. Lengths are
    from the provider's yes to the stored file. `recent` are the submits of the last ten minutes; `failures` the most
    frequent five. `balance` is null where the provider does not tell.
    """

    id: str
    object: Literal["provider"]
    name: str
    order: int
    breaker: BreakerObject | None
    success_rate: float | None
    completed: int
    failed: int
    failed_over: int
    median_seconds: float | None
    p95_seconds: float | None
    submits: SubmitCounts
    recent: SubmitCounts
    failures: list[FailureCount]
    last_refusal: LastRefusal | None
    balance: ProviderBalance | None


class QueueState(_Wire):
    """How many are in a state, and for how long the first of them has been due that nobody works at."""

    state: Literal["queued", "submitting", "running", "storing", "cleanup", "webhooks"]
    count: int
    overdue_seconds: float


class Queue(_Wire):
    """What has not ended, and what wants an operator.

    `oldest_queued_seconds` is the age of the oldest queued video, among the thousand that are due first.
    """

    states: list[QueueState]
    oldest_queued_seconds: float | None
    flagged_submissions: int
    nearly_spent_budgets: int


class ProviderList(_Wire):
    """Every configured provider, in order of preference.

    `breakers` says whose those are: the gateway's, this process's (one of several replicas), or none's, because this
    process leaves the work to others.
    """

    object: Literal["list"]
    data: list[ProviderObject]
    queue: Queue
    breakers: Literal["gateway", "process", "none"]
    window_seconds: int
