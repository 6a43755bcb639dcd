"""How the gateway and its providers are, for an operator: breakers, ends of the last day, queues, balances."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Literal, TypeAlias, TypeVar

from app.db import provider_health
from app.db.provider_health import Ends, Refusal, Submits
from app.db.session import DatabaseUnavailable
from app.providers.base import TellsBalance
from app.providers.errors import ProviderError

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Awaitable, Callable, Mapping

    from app.db.census import Census
    from app.db.session import Database
    from app.providers.base import Provider
    from app.services.breakers import Breakers, Standing
    from app.services.gauges import Gauges

T = TypeVar("T")

WINDOW = 86_400.0  # seconds of which the ends and submits are counted
RECENT = 600.0  # seconds that say how it is just now

_FRESH_SECONDS = 5.0  # for which what is so just now is told again
_DAY_FRESH_SECONDS = 30.0  # and what was counted of a day, which is more work
_BALANCE_SECONDS = 60.0  # between two questions for a balance
_PATIENCE_SECONDS = 2.0  # for a provider that is asked for it
# What the caller did says nothing of the provider.
_CALLERS = frozenset({"cancelled", "invalid_input", "moderation_blocked"})

# Whose breakers are told: the only process's, one of several's, or nobody's, for this one leaves the work to others.
Breaking: TypeAlias = Literal["gateway", "process", "none"]


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of an account, in dollars, as it was told then (unix seconds)."""

    amount: float
    at: float


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """How one provider is; `breaker` is None where this process asks no providers."""

    name: str
    title: str
    breaker: Standing | None
    ends: Ends
    submits: Submits
    recent: Submits
    refusal: Refusal | None
    balance: Left | None

    @property
    def success_rate(self) -> float | None:
        """Return which share of what it was to make succeeded, but for what ended through its caller."""
        failed = sum(count for code, count in self.failures.items() if code not in _CALLERS)
        ended = self.ends.completed + failed
        return self.ends.completed / ended if ended else None

    @property
    def failures(self) -> Counter[str]:
        """Count what it failed at by code, whether another provider made it then or none did."""
        return self.ends.failed + self.ends.failed_over


@dataclass(frozen=True, slots=True)
class Report:
    """How everything is at a moment (unix seconds); `oldest_queued` is one, too."""

    at: float
    breaking: Breaking
    providers: list[ProviderHealth]
    census: Census
    oldest_queued: float | None


@dataclass(frozen=True, slots=True)
class _Day:
    ends: Mapping[str, Ends]
    submits: Mapping[str, Submits]
    refusals: Mapping[str, Refusal]


@dataclass(frozen=True, slots=True)
class _Now:
    submits: Mapping[str, Submits]
    refusals: Mapping[str, Refusal]
    oldest_queued: float | None


class _Kept(Generic[T]):
    """What was read, for a while; whoever asks meanwhile waits for the one who reads it anew."""

    def __init__(self, read: Callable[[], Awaitable[T]]) -> None:
        self._read = read
        self._one_at_a_time = asyncio.Lock()
        self._last: tuple[float, T] | None = None

    async def get(self, seconds: float) -> T:
        """Return it, no older than so many seconds."""
        async with self._one_at_a_time:
            if self._last is None or time.monotonic() - self._last[0] >= seconds:
                self._last = (time.monotonic(), await self._read())
            return self._last[1]


class Health:
    """Reports; whoever asks within a few seconds of another is told the same counts."""

    def __init__(
        self,
        database: Database,
        providers: Mapping[str, Provider],
        breakers: Breakers,
        gauges: Gauges,
        clock: Callable[[], float],
        breaking: Breaking,
    ) -> None:
        self._database = database
        self._providers = providers
        self._breakers = breakers
        self._gauges = gauges
        self._clock = clock
        self._breaking = breaking
        self._day, self._now = _Kept(self._count_day), _Kept(self._count_now)
        self._known: dict[str, Left] = {}
        self._balances = _Kept(self._ask_all)

    async def report(self) -> Report:
        """Say how everything is. Raises DatabaseUnavailable."""
        census = await self._gauges.census()
        if census is None:
            raise DatabaseUnavailable("it does not answer in time")
        day, now = await self._day.get(_DAY_FRESH_SECONDS), await self._now.get(_FRESH_SECONDS)
        balances = await self._balances.get(_BALANCE_SECONDS)
        standing = None if self._breaking == "none" else self._breakers.standing
        providers = [
            ProviderHealth(
                name=name,
                title=provider.title,
                breaker=standing and standing(name),
                ends=day.ends.get(name, Ends()),
                submits=day.submits.get(name, Submits()),
                recent=now.submits.get(name, Submits()),
                refusal=now.refusals.get(name) or day.refusals.get(name),
                balance=balances.get(name),
            )
            for name, provider in self._providers.items()
        ]
        return Report(self._clock(), self._breaking, providers, census, now.oldest_queued)

    async def _count_day(self) -> _Day:
        since = self._clock() - WINDOW
        async with self._database.read() as session:
            return _Day(
                await provider_health.ends(session, since),
                await provider_health.submits(session, since),
                await provider_health.last_refusals(session, since),
            )

    async def _count_now(self) -> _Now:
        since = self._clock() - RECENT
        async with self._database.read() as session:
            return _Now(
                await provider_health.submits(session, since),
                await provider_health.last_refusals(session, since),
                await provider_health.oldest_queued(session),
            )

    async def _ask_all(self) -> Mapping[str, Left]:
        """Ask what is left at the providers that tell; one that does not answer soon keeps what it said last."""
        tellers = {name: each for name, each in self._providers.items() if isinstance(each, TellsBalance)}
        await asyncio.gather(*(self._ask(name, teller) for name, teller in tellers.items()))
        return self._known

    async def _ask(self, name: str, teller: TellsBalance) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                amount = await teller.balance()
        except (ProviderError, TimeoutError):
            return
        if amount is not None:
            self._known[name] = Left(amount, self._clock())
