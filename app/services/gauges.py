"""What is read when somebody asks for the metrics: the census of the database, and how this process stands.

The census is the same at every replica; all else, and everything in `app.metrics`, is this process's own.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from app import metrics
from app.db import census
from app.db.census import DELIVERY, Spent
from app.db.session import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prometheus_client import Metric

    from app.db.census import Census
    from app.db.session import Database
    from app.services.breakers import Breakers
    from app.services.feed import Feed
    from app.services.tally import Tally

log = structlog.get_logger()

_FRESH_SECONDS = 5.0  # for which a census is told again
_PATIENCE_SECONDS = 8.0  # for the database; who scrapes usually waits for 10
_MICRO = 1_000_000


@dataclass(frozen=True, slots=True)
class Build:
    """Which program this is, and what it does."""

    version: str
    role: str
    database: str


class Gauges:
    """Tells the metrics of this process."""

    def __init__(
        self,
        database: Database,
        breakers: Breakers,
        feed: Feed,
        tally: Tally,
        build: Build,
        providers: Sequence[str],
    ) -> None:
        self._database = database
        self._breakers = breakers
        self._feed = feed
        self._tally = tally
        self._build = build
        self._providers = providers
        self._one_at_a_time = asyncio.Lock()
        self._spent = Spent()
        self._last: tuple[float, Census] | None = None

    async def exposition(self) -> bytes:
        """Write everything in Prometheus' text format. Where the database does not answer, what it knows is missing."""
        known = await self.census()
        families = [
            *self._own(),
            _gauge("reelgate_database_up", "1 if the database has answered this very scrape.", known is not None),
        ]
        if known is not None:
            families += self._shared(known, self._database.clock())
        now = CollectorRegistry()
        now.register(_Read(families))
        # Thousands of lines take tens of milliseconds, for which no request shall wait.
        return await asyncio.to_thread(lambda: generate_latest(metrics.REGISTRY) + generate_latest(now))

    async def census(self) -> Census | None:
        """Count what is in the database, or tell what was counted seconds ago; None where it does not answer."""
        async with self._one_at_a_time:
            if self._last is not None and time.monotonic() - self._last[0] < _FRESH_SECONDS:
                return self._last[1]
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS), self._database.read() as session:
                    taken = await census.take(session, self._database.clock(), self._spent)
            except (DatabaseUnavailable, TimeoutError) as fault:
                log.error("the database fails", metrics=True, reason=str(fault) or "it does not answer in time")
                self._last = None
                return None
            self._spent, self._last = taken.spent, (time.monotonic(), taken)
            return taken

    def _own(self) -> Iterator[Metric]:
        build = self._build
        yield _gauge(
            "reelgate_build_info",
            "Always 1: the version, what the process does (all, api, worker), and its database.",
            {(build.version, build.role, build.database): 1},
            "version",
            "role",
            "database",
        )
        yield _gauge(
            "reelgate_breaker_open",
            "1 while this process leaves a provider alone because it kept failing.",
            {(name,): self._breakers.is_open(name) for name in self._providers},
            "provider",
        )
        yield _gauge(
            "reelgate_waiting_clients", "Clients that this process holds until there is news.", self._feed.waiting
        )

    def _shared(self, known: Census, now: float) -> Iterator[Metric]:
        late = {name: max(0.0, now - known.due.get(name, now)) for name in known.waiting}
        yield _gauge(
            "reelgate_outputs",
            "In the database: outputs by state; cleanup are ended ones that still have something to be done.",
            {(name,): count for name, count in known.waiting.items() if name != DELIVERY},
            "state",
        )
        yield _gauge(
            "reelgate_outputs_overdue_seconds",
            "In the database: for how long the first output of a state has been due that nobody works at.",
            {(name,): seconds for name, seconds in late.items() if name != DELIVERY},
            "state",
        )
        yield _gauge(
            "reelgate_webhook_deliveries_pending",
            "In the database: webhooks that have neither arrived nor been given up.",
            known.waiting[DELIVERY],
        )
        yield _gauge(
            "reelgate_webhook_overdue_seconds",
            "In the database: for how long the first webhook has been due that nobody sends.",
            late[DELIVERY],
        )
        yield _gauge(
            "reelgate_submissions_flagged",
            "In the database: paid requests of unknown fate that an operator has to look into.",
            known.flagged,
        )
        yield _gauge(
            "reelgate_budgets_nearly_spent",
            "In the database: keys of whose budget nine tenths are spent or reserved.",
            known.nearly_spent,
        )
        costs: Counter[tuple[str, str]] = Counter()
        for (provider, model), amount in known.costs.items():
            costs[provider, self._tally.name(model)] += amount
        yield _filled(
            CounterMetricFamily(
                "reelgate_cost_dollars",
                "In the database: dollars in the ledger.",
                labels=["provider", "model"],
            ),
            {names: amount / _MICRO for names, amount in costs.items()},
        )


@dataclass(eq=False, slots=True)
class _Read:
    """Metrics that were read already, as a registry wants them."""

    families: Sequence[Metric]

    def collect(self) -> Sequence[Metric]:
        return self.families


def _gauge(name: str, text: str, values: float | Mapping[tuple[str, ...], float], *labels: str) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    return _filled(family, values if isinstance(values, Mapping) else {(): values})


def _filled(family: GaugeMetricFamily | CounterMetricFamily, values: Mapping[tuple[str, ...], float]) -> Metric:
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family
