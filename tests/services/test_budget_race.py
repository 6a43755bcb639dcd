"""A budget for exactly 50 jobs and 500 creates at once: 50 are accepted, and the ledger sums to what was spent."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from app.db.postgres import PostgresDatabase
from app.db.session import DatabaseUnavailable
from app.domain.errors import GatewayError
from app.domain.limits import Limits
from app.providers.base import Failed, Succeeded
from tests.services import bench
from tests.services.bench import Scripted, open_bench
from tests.services.books import PRICE, Books, Holder, holder
from tests.upstreams.films import film

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.services.bench import Bench

JOBS, CREATES = 50, 500


@pytest.fixture(params=["sqlite", "postgres"])
async def replicas(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[list[Bench]]:
    """One gateway on SQLite, or two on the same Postgres."""
    if request.param == "sqlite":
        async with open_bench(tmp_path / "one", Scripted("fal")) as only:
            yield [only]
        return
    url = request.getfixturevalue("postgres_url")
    monkeypatch.setattr(bench, "new_database", lambda _folder: PostgresDatabase(url))
    async with (
        open_bench(tmp_path / "one", Scripted("fal")) as one,
        open_bench(tmp_path / "two", Scripted("fal")) as two,
    ):
        yield [one, two]


async def attempt(key: Holder, number: int) -> str:
    """Create once, and again as the SDKs do where the database had too much to do; say how it went."""
    is_retry = False
    while True:
        try:
            await key.create(prompt=f"number {number}", is_retry=is_retry)
        except DatabaseUnavailable:
            is_retry = True  # it may have been made all the same, and is then found
            await asyncio.sleep(0.1)
        except GatewayError as error:
            return error.code
        else:
            return "accepted"


@pytest.mark.parametrize("rounds", [1, pytest.param(100, marks=[pytest.mark.long, pytest.mark.timeout(3 * 3600)])])
async def test_a_budget_for_fifty_jobs_makes_fifty_of_five_hundred_creates(replicas: list[Bench], rounds: int) -> None:
    chance = random.Random(1)  # noqa: S311 - the seed makes a run repeatable
    made = replicas[0].folder / "made.mp4"
    made.write_bytes(film(64, 48, 25))
    for _ in range(rounds):
        owner = await holder(replicas[0], Limits(budget=JOBS * PRICE))
        holders = [Holder(each, owner.key, owner.limits) for each in replicas]
        answers = await asyncio.gather(*(attempt(holders[number % len(holders)], number) for number in range(CREATES)))
        assert Counter(answers) == {"accepted": JOBS, "budget_exceeded": CREATES - JOBS}
        assert await owner.books() == Books(0, JOBS * PRICE, JOBS)
        costs = [chance.choice([0, PRICE // 2, PRICE]) for _ in range(JOBS)]
        ends = [Failed("provider_error", "no", cost) for cost in costs[:-1]]
        replicas[0].provider.on_poll = [*ends, Succeeded(path=made, cost=costs[-1])]
        for _ in range(3):
            await replicas[0].step()
            for each in replicas:
                each.clock.now += 60
        assert await owner.books() == Books(sum(costs), 0, 0)
