"""How providers did is counted from what the outputs and submissions say, by an index, on both databases."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from app.db import flagged, provider_health
from app.db.provider_health import Refusal, Submits
from app.db.tables import OutputRow, SubmissionRow
from app.domain.jobs import State
from tests.db.rows import add_video
from tests.performance.statements import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.db.provider_health import Ends
    from app.db.session import Database

NOW = 1_800_000_000.0
DAY = 86400.0


async def end(
    database: Database, video_id: str, *, provider: str = "fal", took: float | None = None, code: str | None = None
) -> None:
    """Add an output that ends now, after so many seconds at the provider."""

    async def work(session: AsyncSession) -> None:
        await add_video(session, video_id, 1, NOW - 3600, State.FAILED if code else State.COMPLETED)
        values = {"provider": provider, "completed_at": NOW, "error_code": code}
        begun = {"started_at": None if took is None else NOW - took}
        await session.execute(update(OutputRow).where(OutputRow.video_id == video_id).values(**values, **begun))

    await database.write(work)


async def send(database: Database, number: int, phase: str, at: float, provider: str = "fal") -> None:
    """Add a submission that was sent at a moment."""

    async def work(session: AsyncSession) -> None:
        await add_video(session, f"video_{number}", 1, at, State.FAILED)
        fields = {"id": f"sub_{number}", "output_id": f"video_{number}-0", "phase": phase, "provider": provider}
        session.add(SubmissionRow(attempt=1, intent_at=at, **fields))

    await database.write(work)


async def tell(database: Database, number: int, *story: tuple[str, str, str | None, str | None]) -> None:
    """Write down what an output tells of its attempts."""
    history = [{"provider": a, "outcome": b, "code": c, "message": d, "cost": None} for a, b, c, d in story]
    changed = update(OutputRow).where(OutputRow.id == f"video_{number}-0").values(history=history)
    await database.write(lambda session: session.execute(changed))


async def say(database: Database, number: int, error: str) -> None:
    """Write down with a submission what was said of it."""
    changed = update(SubmissionRow).where(SubmissionRow.id == f"sub_{number}").values(error=error)
    await database.write(lambda session: session.execute(changed))


async def fail(database: Database, number: int, at: float) -> None:
    """Write down that the provider failed at a submission at a moment."""
    changed = update(SubmissionRow).where(SubmissionRow.id == f"sub_{number}")
    values = {"failed_at": at, "failure": "provider_error"}
    await database.write(lambda session: session.execute(changed.values(**values)))


async def ended(database: Database, since: float = NOW - DAY) -> Mapping[str, Ends]:
    async with database.read() as session:
        return await provider_health.ends(session, since)


async def test_ends_are_counted_by_provider_and_code_and_only_since_the_moment(database: Database) -> None:
    for number in range(3):
        await end(database, f"video_{number}", took=10)
    for number, code in enumerate(("timeout", "timeout", "cancelled")):
        await end(database, f"video_f{number}", code=code, took=5)
    await end(database, "video_x", provider="xai", code="provider_error")
    await database.write(partial(add_video, video_id="video_live", outputs=2, now=NOW))
    found = await ended(database)
    assert {name: (each.completed, dict(each.failed)) for name, each in found.items()} == {
        "fal": (3, {"timeout": 2, "cancelled": 1}),
        "xai": (0, {"provider_error": 1}),
    }
    assert await ended(database, NOW + 1) == {}


async def test_what_failed_over_is_counted_where_and_when_it_failed(database: Database) -> None:
    for number, at in enumerate((NOW, NOW + 1, NOW - DAY - 1)):
        await send(database, number, "accepted", NOW - DAY)
        await fail(database, number, at)
    await send(database, 3, "accepted", NOW)
    await end(database, "video_x", provider="xai")
    found = await ended(database)
    assert {name: (each.completed, each.failed_over) for name, each in found.items()} == {
        "fal": (0, {"provider_error": 2}),
        "xai": (1, {}),
    }


async def test_the_median_and_the_95th_percentile_are_those_of_the_completed_ones(database: Database) -> None:
    for number in range(20):
        await end(database, f"video_{number}", took=10.0 + number)
    await end(database, "video_failed", took=500, code="timeout")
    await end(database, "video_odd")  # nobody wrote down when it was taken
    found = (await ended(database))["fal"]
    assert found.quantile(0.5) == pytest.approx(19, abs=0.1)
    assert found.quantile(0.95) == pytest.approx(28, abs=0.1)
    assert found.completed == 21
    await end(database, "video_x", provider="xai", code="timeout")
    assert (await ended(database))["xai"].quantile(0.5) is None


async def test_submits_are_counted_by_what_became_of_them(database: Database) -> None:
    phases = ("accepted", "accepted", "refused", "unsent", "submitting", "charged", "not_charged")
    for number, phase in enumerate(phases):
        await send(database, number, phase, NOW)
    await send(database, 9, "accepted", NOW - DAY - 1)
    await send(database, 10, "refused", NOW, provider="xai")
    async with database.read() as session:
        found = await provider_health.submits(session, NOW - DAY)
    assert found == {"fal": Submits(accepted=2, refused=1, unsent=1, unknown=3), "xai": Submits(refused=1)}


async def test_the_newest_refusal_of_each_provider_is_told_as_its_output_tells_it(database: Database) -> None:
    phases = ("refused", "refused", "accepted", "unsent")
    for number, phase in enumerate(phases):
        await send(database, number, phase, NOW + number)
    await send(database, 9, "refused", NOW, provider="xai")
    await send(database, 10, "refused", NOW, provider="aimlapi")
    await say(database, 10, "not accepted, says the provider")
    await send(database, 11, "refused", NOW, provider="local")  # of what was deleted
    await tell(database, 0, ("fal", "refused", "invalid_input", "old"))
    await tell(database, 1, ("xai", "refused", None, "another's"), ("fal", "refused", "provider_error", "its key"))
    await tell(database, 9, ("xai", "unavailable", None, None))
    async with database.read() as session:
        found = await provider_health.last_refusals(session, NOW)
        later = await provider_health.last_refusals(session, NOW + 2)
    assert found == {
        "fal": Refusal(NOW + 1, "refused", "provider_error", "its key"),
        "xai": Refusal(NOW, "unavailable", None, ""),
        "aimlapi": Refusal(NOW, "refused", None, "not accepted, says the provider"),
        "local": Refusal(NOW, "refused", None, ""),
    }
    assert later == {}


async def test_the_oldest_queued_video_is_known_even_while_its_output_rests(database: Database) -> None:
    async def oldest() -> float | None:
        async with database.read() as session:
            return await provider_health.oldest_queued(session)

    assert await oldest() is None
    for number, age in enumerate((60, 900, 5)):
        await database.write(partial(add_video, video_id=f"video_{number}", outputs=1, now=NOW - age))
    later = update(OutputRow).where(OutputRow.id == "video_1-0").values(run_at=NOW + 600)
    await database.write(lambda session: session.execute(later))
    assert await oldest() == NOW - 900


async def test_what_is_read_often_is_found_by_an_index_however_much_there_is(sqlite: Database) -> None:
    with counted() as seen:
        async with sqlite.read() as session:
            await provider_health.ends(session, NOW)
            await provider_health.submits(session, NOW)
            await provider_health.last_refusals(session, NOW)
            await provider_health.oldest_queued(session)
            await flagged.count(session)
            await flagged.list_page(session, flagged.Page())
    plans = []
    async with sqlite.read() as session:
        connection = await session.connection()
        for statement in seen:
            asked = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement.text}", statement.parameters)
            plans.append("; ".join(row[-1] for row in asked))
    expected = (
        "SEARCH outputs USING COVERING INDEX ix_outputs_ended (completed_at>?)",
        "SEARCH submissions USING COVERING INDEX ix_submissions_failed (failed_at>?)",
        "SEARCH submissions USING COVERING INDEX ix_submissions_sent (intent_at>?)",
        "SEARCH submissions USING COVERING INDEX ix_submissions_sent (intent_at>?)",
        "SEARCH outputs USING INDEX ix_outputs_state_run_at (state=?)",
        "ix_submissions_unanswered",
        "ix_submissions_unanswered",
    )
    for plan, part in zip(plans, expected, strict=True):
        assert part in plan, plan
