"""How the gateway and its providers are, for an operator: breakers, ends of the last day, queues, balances."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from app.db import provider_health
from app.db.provider_health import Ends, Submits
from app.db.session import DatabaseUnavailable
from app.providers.base import ProviderError, TellsBalance

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from app.db.census import Census
    from app.db.session import Database
    from app.providers.base import Provider
    from app.services.breakers import Breakers, Standing
    from app.services.gauges import Gauges

WINDOW = 86_400.0  # seconds of which the ends and submits are counted
RECENT = 600.0  # seconds that say how it is just now

_FRESH_SECONDS = 5.0  # for which what was counted is told again
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
    balance: Left | None

    @property
    def success_rate(self) -> float | None:
        """Return which share of the outputs succeeded, but for those that ended through their caller."""
        failed = sum(count for code, count in self.ends.failed.items() if code not in _CALLERS)
        ended = self.ends.completed + failed
        return self.ends.completed / ended if ended else None


@dataclass(frozen=True, slots=True)
class Report:
    """How everything is at a moment (unix seconds); `oldest_queued` is one, too."""

    at: float
    breaking: Breaking
    providers: list[ProviderHealth]
    census: Census
    oldest_queued: float | None


@dataclass(frozen=True, slots=True)
class _Counted:
    ends: Mapping[str, Ends]
    submits: Mapping[str, Submits]
    recent: Mapping[str, Submits]
    oldest_queued: float | None


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
        self._counting = asyncio.Lock()
        self._last: tuple[float, _Counted] | None = None
        self._balances = _Balances(providers, clock)

    async def report(self) -> Report:
        """Say how everything is. Raises DatabaseUnavailable."""
        census = await self._gauges.census()
        if census is None:
            raise DatabaseUnavailable("it does not answer in time")
        counted, balances = await self._counted(), await self._balances.read()
        standing = None if self._breaking == "none" else self._breakers.standing
        providers = [
            ProviderHealth(
                name=name,
                title=provider.title,
                breaker=standing and standing(name),
                ends=counted.ends.get(name, Ends()),
                submits=counted.submits.get(name, Submits()),
                recent=counted.recent.get(name, Submits()),
                balance=balances.get(name),
            )
            for name, provider in self._providers.items()
        ]
        return Report(self._clock(), self._breaking, providers, census, counted.oldest_queued)

    async def _counted(self) -> _Counted:
        async with self._counting:
            if self._last is None or time.monotonic() - self._last[0] >= _FRESH_SECONDS:
                now = self._clock()
                async with self._database.read() as session:
                    counted = _Counted(
                        ends=await provider_health.ends(session, now - WINDOW),
                        submits=await provider_health.submits(session, now - WINDOW),
                        recent=await provider_health.submits(session, now - RECENT),
                        oldest_queued=await provider_health.oldest_queued(session),
                    )
                self._last = (time.monotonic(), counted)
            return self._last[1]


class _Balances:
    """What is left at the providers that tell. One that does not answer soon keeps what it said last."""

    def __init__(self, providers: Mapping[str, Provider], clock: Callable[[], float]) -> None:
        self._tellers = {name: each for name, each in providers.items() if isinstance(each, TellsBalance)}
        self._clock = clock
        self._asking = asyncio.Lock()
        self._asked_at: float | None = None
        self._known: dict[str, Left] = {}

    async def read(self) -> Mapping[str, Left]:
        async with self._asking:
            if self._asked_at is None or time.monotonic() - self._asked_at >= _BALANCE_SECONDS:
                await asyncio.gather(*(self._ask(name, teller) for name, teller in self._tellers.items()))
                self._asked_at = time.monotonic()
        return self._known

    async def _ask(self, name: str, teller: TellsBalance) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                amount = await teller.balance()
        except (ProviderError, TimeoutError):
            return
        if amount is not None:
            self._known[name] = Left(amount, self._clock())
