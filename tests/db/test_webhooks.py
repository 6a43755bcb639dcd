"""The outbox: what the end of a video leaves to be sent, on both databases, and who may take it from there."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from app.db import deliveries, outputs, webhooks
from app.db.leases import Claim
from app.db.tables import DeliveryRow, EndpointRow, EventRow, OutputRow, VideoRow
from app.domain import jobs
from app.domain.jobs import UNKNOWN
from app.domain.webhooks import EVENT_TYPES, LONGEST_PAUSE, PER_OWNER, PER_TARGET
from tests.db.rows import add_video

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from app.db.deliveries import Delivery
    from app.db.session import Database
    from app.domain.jobs import Job

NOW = 1_800_000_000.0
MEDIA = jobs.Media("k", "video/mp4", 1, 2, 2, 1.0, 24.0, 24, None)


async def add_endpoint(
    session: AsyncSession, name: str, owner: str = "o", types: tuple[str, ...] = EVENT_TYPES, **columns: object
) -> None:
    fixed = {"owner": owner, "name": name, "url": f"https://{name}.example/", "event_types": list(types)}
    session.add(EndpointRow(id=name, secret="whsec_x", created_at=NOW, updated_at=NOW, **fixed, **columns))
    await session.flush()


async def prepare(database: Database, *endpoints: str, n: int = 1) -> None:
    await database.write(partial(add_video, video_id="v", outputs=n, now=NOW))
    for name in endpoints:
        await database.write(partial(add_endpoint, name=name))


async def claim_outputs(database: Database) -> list[Job]:
    claim = Claim("me", NOW + 9, 30.0, 99)
    return await database.write(partial(outputs.claim, states=jobs.LIVE, claim=claim))


async def apply(database: Database, transition: jobs.Transition) -> None:
    assert await database.write(partial(outputs.apply, transition=transition))


async def fail(database: Database, job: Job, code: str = "provider_error", message: str = "No.") -> None:
    await apply(database, jobs.failed(job, code, message, NOW + 10))


async def complete(database: Database, job: Job) -> None:
    async with database.read() as session:
        row = await session.get_one(OutputRow, job.id)
        now_is = outputs.job_of(row, NOW, {})
    await apply(database, jobs.stored(now_is, MEDIA, NOW + 20, {"outcome": "completed"}))


async def events(database: Database) -> list[EventRow]:
    async with database.read() as session:
        return list(await session.scalars(select(EventRow).order_by(EventRow.created_at)))


async def rows(database: Database) -> list[DeliveryRow]:
    async with database.read() as session:
        return list(await session.scalars(select(DeliveryRow).order_by(DeliveryRow.created_at, DeliveryRow.target)))


async def claim(database: Database, limit: int = 99, now: float = NOW + 99, owner: str = "me") -> list[Delivery]:
    wanted = Claim(owner, now, 30.0, limit)
    return await database.write(partial(deliveries.claim, claim=wanted))


async def test_a_failed_video_leaves_one_event_and_a_delivery_for_each_who_wants_it(database: Database) -> None:
    await prepare(database, "a", "b")
    await database.write(partial(add_endpoint, name="foreign", owner="other"))
    await database.write(partial(add_endpoint, name="successes", types=("video.completed",)))
    await database.write(partial(add_endpoint, name="off", disabled_at=NOW))
    (job,) = await claim_outputs(database)
    await fail(database, job)
    (event,) = await events(database)
    assert (event.type, event.error_code, event.error_message) == ("video.failed", "provider_error", "No.")
    assert [(row.event_id, row.target, row.url) for row in await rows(database)] == [
        (event.id, "a", "https://a.example/"),
        (event.id, "b", "https://b.example/"),
    ]


async def test_a_cancelled_video_has_an_event_of_its_own_kind(database: Database) -> None:
    await prepare(database, "a")
    assert await database.write(partial(outputs.cancel, video_id="v", now=NOW + 5))
    (event,) = await events(database)
    assert (event.type, event.error_code) == ("video.cancelled", "cancelled")


async def test_a_video_nobody_wants_to_hear_of_leaves_nothing(database: Database) -> None:
    await prepare(database)
    (job,) = await claim_outputs(database)
    await fail(database, job)
    assert await events(database) == []


async def test_several_outputs_make_one_event_when_the_last_has_ended(database: Database) -> None:
    await prepare(database, "a", n=3)
    first, second, third = await claim_outputs(database)
    await fail(database, first)
    await complete(database, third)
    assert await events(database) == []
    await complete(database, second)
    (event,) = await events(database)
    assert (event.type, event.output, event.error_code) == ("video.completed", 1, None)


async def test_an_event_goes_where_its_transaction_goes(database: Database) -> None:
    await prepare(database, "a")
    (job,) = await claim_outputs(database)

    async def work(session: AsyncSession) -> None:
        await outputs.apply(session, jobs.failed(job, "provider_error", "No.", NOW))
        raise RuntimeError("power cut")

    for outcome in await asyncio.gather(database.write(work), return_exceptions=True):
        assert isinstance(outcome, RuntimeError)
    assert await events(database) == []
    await fail(database, job)
    assert len(await events(database)) == 1


async def test_a_flagged_video_that_is_adopted_and_completes_has_a_second_event(database: Database) -> None:
    await prepare(database, "a")
    (job,) = await claim_outputs(database)
    await fail(database, job, UNKNOWN, "Lost.")
    async with database.read() as session:
        flagged = outputs.job_of(await session.get_one(OutputRow, job.id), NOW, {})
    await apply(database, jobs.accepted(flagged, {"id": "up"}, NOW + 12, NOW + 12))
    await complete(database, job)
    assert [(event.type, event.error_code) for event in await events(database)] == [
        ("video.failed", UNKNOWN),
        ("video.completed", None),
    ]


async def test_a_flagged_video_that_is_adopted_and_fails_again_says_so_once(database: Database) -> None:
    await prepare(database, "a")
    (job,) = await claim_outputs(database)
    await fail(database, job, UNKNOWN, "Lost.")
    for _ in range(2):
        async with database.read() as session:
            flagged = outputs.job_of(await session.get_one(OutputRow, job.id), NOW, {})
        await apply(database, jobs.accepted(flagged, {"id": "up"}, NOW + 12, NOW + 12))
        async with database.read() as session:
            running = outputs.job_of(await session.get_one(OutputRow, job.id), NOW, {})
        await fail(database, running, UNKNOWN)
    assert [event.type for event in await events(database)] == ["video.failed"]


async def add_deliveries(
    database: Database, target: str, count: int, since: float = NOW, *, hosts: int = 1, owner: str = "o"
) -> None:
    async def work(session: AsyncSession) -> None:
        for number in range(count):
            video_id = f"{target}-{number}"
            await add_video(session, video_id, 1, NOW)
            host = target if hosts == 1 else f"{target}-{number % hosts}"
            which = {"webhook_url": f"https://{host}.example/{number}", "owner": owner}
            await session.execute(update(VideoRow).where(VideoRow.id == video_id).values(**which))
            await outputs.cancel(session, video_id, since + number)

    await database.write(work)


async def test_a_receiver_is_sent_only_so_much_at_a_time_and_holds_nobody_up(database: Database) -> None:
    await add_deliveries(database, "dead", 30)
    await add_deliveries(database, "well", 2)
    taken = await claim(database, limit=6)
    assert sorted(each.row.target for each in taken) == ["o dead.example"] * PER_TARGET + ["o well.example"] * 2
    assert await claim(database) == []
    assert await deliveries_of(database, taken[0].row.lease_owner) == 6


async def test_an_owner_of_many_receivers_is_sent_only_so_much_at_a_time_and_holds_no_other_up(
    database: Database,
) -> None:
    await add_deliveries(database, "dead", 90, hosts=30)
    taken = await claim(database)
    assert [each.row.owner for each in taken] == ["o"] * PER_OWNER
    assert await claim(database) == []
    await add_deliveries(database, "well", 2, since=NOW + 50, owner="other")
    assert [each.row.owner for each in await claim(database)] == ["other"] * 2
    ended = deliveries.Ended("delivered", None, 0, [])
    assert await database.write(partial(deliveries.note, delivery=taken[0], ended=ended))
    assert [each.row.owner for each in await claim(database)] == ["o"]


async def test_the_owner_with_the_least_under_way_comes_first(database: Database) -> None:
    await add_deliveries(database, "busy", 12, hosts=4)
    await claim(database, limit=3)
    await add_deliveries(database, "calm", 4, since=NOW + 50, owner="other")
    assert [each.row.owner for each in await claim(database, limit=3)] == ["other"] * 3
    both = await claim(database, limit=4)
    assert sorted(each.row.owner for each in both) == ["o", "o", "o", "other"]


async def deliveries_of(database: Database, owner: str | None) -> int:
    return len([row for row in await rows(database) if row.lease_owner == owner])


async def test_the_first_of_each_receiver_comes_before_the_second_of_any(database: Database) -> None:
    await add_deliveries(database, "busy", 4)
    await add_deliveries(database, "calm", 1, since=NOW + 50)
    assert {each.row.target for each in await claim(database, limit=2)} == {"o busy.example", "o calm.example"}


async def test_what_ended_makes_room_and_a_lease_that_ran_out_too(database: Database) -> None:
    await add_deliveries(database, "a", 6)
    first, *_ = await claim(database)
    assert await database.write(
        partial(deliveries.note, delivery=first, ended=deliveries.Ended("delivered", None, 0, []))
    )
    (fifth,) = await claim(database)
    assert fifth.id != first.id
    assert len(await claim(database, now=NOW + 999)) == PER_TARGET


async def test_whoever_lost_a_delivery_changes_nothing_any_more(database: Database) -> None:
    await add_deliveries(database, "a", 1)
    (stale,) = await claim(database)
    (current,) = await claim(database, now=NOW + 999, owner="other")
    ended = deliveries.Ended("failed", None, 1, [])
    assert not await database.write(partial(deliveries.note, delivery=stale, ended=ended))
    await database.write(lambda session: deliveries.LEASES.give_back(session, stale, NOW + 5000))
    (row,) = await rows(database)
    assert (row.state, row.lease_owner, row.run_at) == ("pending", "other", NOW)
    assert await database.write(partial(deliveries.note, delivery=current, ended=ended))


async def test_leases_are_renewed_released_and_taken_over(database: Database) -> None:
    await add_deliveries(database, "a", 2)
    one, two = await claim(database)
    await database.write(partial(deliveries.LEASES.renew, owner="me", ids={one.id}, until=NOW + 5000))
    assert {each.id for each in await claim(database, now=NOW + 999, owner="other")} == {two.id}
    await database.write(partial(deliveries.LEASES.release, owner="me"))
    assert {each.id for each in await claim(database, now=NOW + 1000, owner="third")} == {one.id}
    await database.write(partial(deliveries.LEASES.take_over, now=NOW))
    assert len(await claim(database, now=NOW + 1001)) == 2


async def test_after_a_step_back_of_the_clock_nothing_waits_longer_than_the_longest_pause(database: Database) -> None:
    await add_deliveries(database, "a", 1)
    await database.write(partial(deliveries.LEASES.take_over, now=NOW - 1e6))
    assert await claim(database, now=NOW - 1e6 + 1.11 * LONGEST_PAUSE)


async def test_a_set_clock_moves_what_waits_and_since_when_a_receiver_fails(database: Database) -> None:
    await prepare(database, "a")
    await add_deliveries(database, "b", 1)
    await database.write(lambda session: webhooks.failed(session, "a", NOW, gone=False))
    await database.write(partial(deliveries.LEASES.put_off, seconds=1e6))
    await database.write(partial(webhooks.put_off, seconds=1e6))
    assert {row.run_at for row in await rows(database)} == {NOW + 1e6}
    async with database.read() as session:
        endpoint = await session.get_one(EndpointRow, "a")
    assert (endpoint.failing_since, endpoint.failed_at) == (NOW + 1e6, NOW + 1e6)
