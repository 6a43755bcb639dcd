"""The rows of the request log, on both databases: whose they are, what their videos add, and how long they stay."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select, update

from app.db import deliveries, request_log
from app.db.request_log import Entry, Job, Page
from app.db.tables import DeliveryRow, EventRow, OutputRow, RequestRow, VideoRow
from tests.db.rows import add_video
from tests.performance.statements import counted

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from app.db.request_log import Logged
    from app.db.session import Database

NOW = 1_800_000_000.0
ENTRY = Entry("req_0", "req_0", "o", NOW, "POST", "/v1/videos", 200, None, 1.5, None, None)


def entry(number: int, **fields: Any) -> Entry:
    """Make an entry of so many seconds later."""
    values: dict[str, Any] = {"id": f"req_{number}", "request_id": f"req_{number}", "at": NOW + number, **fields}
    return replace(ENTRY, **values)


async def write(database: Database, *entries: Entry) -> None:
    await database.write(partial(request_log.add, entries=entries))


async def listed(database: Database, owner: str | None = "o", **asked: Any) -> list[str]:
    async with database.read() as session:
        found, _ = await request_log.list_page(session, owner, Page(**asked))
    return [each.row.id for each in found]


async def get(database: Database, name: str, owner: str | None = "o") -> Logged | None:
    async with database.read() as session:
        return await request_log.get(session, owner, name)


async def change(database: Database, video: dict[str, object], *outputs: dict[str, object]) -> None:
    """Set some columns of the video "v" and of its outputs."""

    async def work(session: AsyncSession) -> None:
        await session.execute(update(VideoRow).where(VideoRow.id == "v").values(**video))
        for index, values in enumerate(outputs):
            await session.execute(update(OutputRow).where(OutputRow.id == f"v-{index}").values(**values))

    await database.write(work)


async def test_pages_follow_each_other_newest_first_and_end(database: Database) -> None:
    await write(database, *(entry(number, at=NOW + number // 2) for number in range(5)))  # two come at a time
    async with database.read() as session:
        first, more = await request_log.list_page(session, "o", Page(limit=2))
        second, rest = await request_log.list_page(session, "o", Page(limit=2, after="req_3"))
        third, end = await request_log.list_page(session, "o", Page(limit=2, after="req_1"))
    assert [each.row.id for each in first + second + third] == [f"req_{number}" for number in (4, 3, 2, 1, 0)]
    assert (more, rest, end) == (True, True, False)
    assert await listed(database, after="req_9") == []


async def test_entries_are_seen_by_their_owner_and_by_whoever_sees_all(database: Database) -> None:
    await write(database, entry(1), entry(2, owner="other", request_id="shared"), entry(3, request_id="shared"))
    assert await listed(database) == ["req_3", "req_1"]
    assert await listed(database, after="req_2") == [], "no place in the list of another"
    assert await listed(database, owner=None) == ["req_3", "req_2", "req_1"]
    assert await listed(database, owner=None, key_id="other") == ["req_2"]
    assert await get(database, "req_2") is None
    for owner, name, expected in (
        ("o", "shared", "req_3"),
        ("other", "shared", "req_2"),
        (None, "shared", "req_3"),
        (None, "req_2", "req_2"),
    ):
        found = await get(database, name, owner)
        assert found is not None
        assert found.row.id == expected


async def test_an_id_of_ours_is_not_taken_over_by_a_request_that_claims_it(database: Database) -> None:
    await write(database, entry(1), entry(2, owner="thief", request_id="req_1"))
    found = await get(database, "req_1", owner=None)
    assert found is not None
    assert found.row.owner == "o"


async def test_what_became_of_a_video_is_told_as_it_is_now(database: Database) -> None:
    await database.write(partial(add_video, video_id="v", outputs=3, now=NOW))
    await write(database, entry(1, video_id="v"))
    found = await get(database, "req_1")
    assert found is not None
    assert (found.model, found.error_code, found.job) == ("m", None, Job("queued", None, ("local",), None))
    ended = {"status": "failed", "error_code": "provider_error", "completed_at": NOW + 7.5}
    await change(database, ended, {"provider": "fal", "cost": 40}, {"provider": "xai", "cost": 2}, {"provider": "fal"})
    found = await get(database, "req_1")
    assert found is not None
    assert (found.error_code, found.job) == ("provider_error", Job("failed", 7.5, ("fal", "xai"), 42))


async def test_a_video_of_another_adds_nothing(database: Database) -> None:
    await database.write(partial(add_video, video_id="v", outputs=1, now=NOW))
    await write(database, entry(1, owner="other", video_id="v"))
    found = await get(database, "req_1", owner="other")
    assert found is not None
    assert (found.model, found.error_code, found.job) == (None, None, None)
    assert await listed(database, owner="other", status="queued") == []


async def test_filters_choose(database: Database) -> None:
    await database.write(partial(add_video, video_id="v", outputs=1, now=NOW))
    await change(database, {"status": "failed", "error_code": "timeout"})
    await write(
        database,
        entry(1, video_id="v", model="alias"),
        entry(2, video_id="v"),
        entry(3, model="m", status=402, error_code="budget_exceeded"),
        entry(4, video_id="v", status=404, error_code="video_not_ready"),
    )
    for asked, expected in (
        ({"model": "m"}, [4, 3, 2]),
        ({"model": "alias"}, [1]),
        ({"video_id": "v"}, [4, 2, 1]),
        ({"status": "failed"}, [4, 2, 1]),
        ({"status": "queued"}, []),
        ({"error_code": "timeout"}, [2, 1]),
        ({"error_code": "budget_exceeded"}, [3]),
        ({"error_code": "video_not_ready"}, [4]),
        ({"created_after": NOW + 2, "created_before": NOW + 4}, [3, 2]),
    ):
        assert await listed(database, **asked) == [f"req_{number}" for number in expected], asked


@pytest.mark.parametrize(
    ("owner", "index"),
    [
        (
            "o",
            (
                "owner_at_id (owner=?",
                "autoindex_request_log_1 (id=?)",
                "request_id_owner_at (request_id=? AND owner=?)",
            ),
        ),
        (None, ("at_id", "autoindex_request_log_1 (id=?)", "request_id_owner_at (request_id=?)")),
    ],
    ids=["one owner's", "everybody's"],
)
async def test_entries_are_found_by_an_index_however_many_there_are(
    sqlite: Database, owner: str | None, index: tuple[str, ...]
) -> None:
    await write(sqlite, entry(1))
    with counted() as seen:
        await listed(sqlite, owner)
        await get(sqlite, "unknown", owner)
    assert len(seen) == len(index)
    async with sqlite.read() as session:
        connection = await session.connection()
        for statement, name in zip(seen, index, strict=True):
            asked = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement.text}", statement.parameters)
            plan = [row[-1] for row in asked]
            assert name in plan[0], plan
            assert "TEMP" not in plan[-1] or "unknown" in statement.parameters


async def test_what_is_old_goes_part_by_part_and_the_rest_stays(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_log, "_CHUNK", 2)
    await write(database, *(entry(number) for number in range(5)))
    prune = partial(request_log.prune, before=NOW + 3)
    assert [await database.write(prune) for _ in range(2)] == [True, False]
    assert await listed(database) == ["req_4", "req_3"]
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(RequestRow)) == 2


async def test_old_deliveries_go_once_they_have_ended(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "_CHUNK", 1)
    await database.write(partial(add_video, video_id="v", outputs=1, now=NOW))

    async def work(session: AsyncSession) -> None:
        session.add(EventRow(id="evt_1", owner="o", video_id="v", type="video.failed", model="m", created_at=NOW))
        await session.flush()
        for name, state, age in (("a", "delivered", 9), ("b", "failed", 9), ("c", "pending", 9), ("d", "delivered", 1)):
            session.add(
                DeliveryRow(
                    id=name,
                    owner="o",
                    event_id="evt_1",
                    target=name,
                    url="https://a.example/",
                    state=state,
                    run_at=NOW if state == "pending" else None,
                    fence=0,
                    failures=0,
                    history=[],
                    created_at=NOW - age,
                )
            )
        await session.flush()

    await database.write(work)
    prune = partial(deliveries.prune, before=NOW - 5)
    assert [await database.write(prune) for _ in range(3)] == [True, True, False]
    async with database.read() as session:
        left = await session.scalars(select(DeliveryRow.id).order_by(DeliveryRow.id))
        assert left.all() == ["c", "d"]
