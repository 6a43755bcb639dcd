"""Many videos at once on both databases: what is listed, in which order, what is looked at, and by which plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text, update

from app.db import videos
from app.db.search import folded
from app.db.sightings import look_around
from app.db.tables import OutputRow, VideoRow
from app.db.videos import Page
from app.domain.jobs import State
from tests.db.rows import add_video
from tests.performance.statements import counted

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from app.db.session import Database
    from tests.performance.statements import Statement

NOW = 1_800_000_000.0
OWNER = "o"


async def add(database: Database, *prompts: str) -> None:
    """Add videos, oldest first: video_0, video_1 and so on."""

    async def work(session: AsyncSession) -> None:
        for number, prompt in enumerate(prompts):
            await add_video(session, f"video_{number}", 1, NOW + number)
            values = {"prompt": prompt, "prompt_folded": folded(prompt)}
            await session.execute(update(VideoRow).where(VideoRow.id == f"video_{number}").values(**values))

    await database.write(work)


async def listed(database: Database, owner: str | None = OWNER, **page: Any) -> list[str]:
    async with database.read() as session:
        found, _ = await videos.list_page(session, owner, Page(**page))
    return [video.row.id for video in found]


@pytest.mark.parametrize(
    ("prompt", "wanted"),
    [
        ("A calm SEA", "a CALM sea"),
        ("Ein Kätzchen auf der STRASSE", "KÄTZCHEN auf der straße"),
        ("Я вижу ЖУРАВЛЯ", "журавля"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("cafe\u0301 au lait", "CAFÉ"),
        ("100 % _real_ \\o/ [x] *?", "% _REAL_ \\O/ [X] *?"),
        ("two\nlines 🎬 here", "LINES 🎬"),
    ],
)
async def test_words_are_found_in_any_case_and_alphabet_as_they_stand(
    database: Database, prompt: str, wanted: str
) -> None:
    await add(database, "another prompt", prompt, "100 percent unreal")
    assert await listed(database, prompt=wanted) == ["video_1"]


@pytest.mark.parametrize("wanted", ["%", "_", "a%t", "\\", "[a-z]", "*", "an?ther", "' OR 1=1 --", "another  prompt"])
async def test_no_character_stands_for_others(database: Database, wanted: str) -> None:
    await add(database, "another prompt")
    assert await listed(database, prompt=wanted) == []


async def test_a_video_is_found_by_who_makes_any_of_its_outputs(database: Database) -> None:
    async def work(session: AsyncSession) -> None:
        await add_video(session, "video_both", 2, NOW)
        await add_video(session, "video_local", 2, NOW + 1)
        await session.execute(update(OutputRow).where(OutputRow.id == "video_both-1").values(provider="fal"))

    await database.write(work)
    assert await listed(database, provider="fal") == ["video_both"]
    assert await listed(database, provider="local") == ["video_local", "video_both"]
    assert await listed(database, provider="local", limit=1, after="video_local") == ["video_both"]


async def test_everybodys_videos_are_one_list_newest_first(database: Database) -> None:
    await add(database, "one", "two", "three")
    change = update(VideoRow).where(VideoRow.id == "video_1").values(owner="somebody else")
    await database.write(lambda session: session.execute(change))
    assert await listed(database, None) == ["video_2", "video_1", "video_0"]
    assert await listed(database, None, after="video_1") == ["video_0"]
    assert await listed(database, OWNER, after="video_1") == []


async def test_a_deleted_video_is_not_found_by_what_its_prompt_said(database: Database) -> None:
    await add(database, "a secret plan")
    await database.write(lambda session: videos.forget(session, "video_0"))
    assert await listed(database, prompt="secret") == []
    async with database.read() as session:
        kept = (await session.execute(text("SELECT prompt, prompt_folded FROM videos"))).one()
    assert tuple(kept) == ("", "")


PAGES = [{}, {"ascending": True}, {"after": "video_1500"}, {"provider": "fal"}, {"prompt": "number 7"}]


@pytest.mark.parametrize("page", PAGES, ids=str)
@pytest.mark.parametrize("owner", [OWNER, None])
async def test_a_page_is_read_along_an_index_and_not_sorted(
    database: Database, owner: str | None, page: dict[str, Any]
) -> None:
    await many(database)
    with counted() as seen:
        assert len(await listed(database, owner, limit=5, **page)) == 5
    listing = next(each for each in seen if "ORDER BY videos.created_at" in each.text)
    plan = await _plan(database, listing)
    assert ("ix_videos_owner_created_at_id" if owner else "ix_videos_by_time") in plan
    assert "Sort" not in plan, plan
    assert "TEMP B-TREE" not in plan, plan
    assert "Seq Scan" not in plan, plan
    assert "SCAN outputs" not in plan, plan


@pytest.mark.parametrize("page", [{"provider": "xai"}, {"prompt": "zeppelin"}], ids=str)
async def test_what_is_not_there_is_sought_among_the_owners_videos_only(
    database: Database, page: dict[str, Any]
) -> None:
    await many(database)
    with counted() as seen:
        assert await listed(database, **page) == []
    plan = await _plan(database, seen[0])
    assert "ix_videos_owner_created_at_id" in plan
    assert "Seq Scan" not in plan, plan
    assert "SCAN outputs" not in plan, plan


@pytest.mark.parametrize("owners", [["o"], ["o", "p"], None], ids=str)
async def test_a_look_around_reads_what_is_under_way_and_not_what_is_stored(
    database: Database, owners: list[str] | None
) -> None:
    await many(database)
    some = OutputRow.id.in_([f"out_{number}" for number in range(20)])
    await database.write(lambda session: session.execute(update(OutputRow).where(some).values(state=State.RUNNING)))
    with counted() as seen:
        async with database.read() as session:
            found = await look_around(session, owners, NOW + 1)
    assert {name: one.end for name, one in found.items()} == {
        f"video_{number}": None for number in range(20) if owners != ["o"] or number % 2 == 0
    }
    plan = await _plan(database, seen[0])
    for index in (
        "ix_outputs_state_run_at",
        "ix_videos_by_time" if owners is None else "ix_videos_owner_created_at_id",
    ):
        assert index in plan, plan
    assert "ix_videos_deleted_at" in plan, plan
    assert "SCAN" not in plan.replace("SUBQUERY SCAN", ""), plan
    assert "Seq Scan" not in plan, plan


async def many(database: Database) -> None:
    """Add 2,000 videos of two owners, every seventh by another provider, and have the planner know of them."""
    owner = {"owner": "CASE i % 2 WHEN 0 THEN 'o' ELSE 'p' END"}
    video = {"id": "'video_' || i", "prompt_folded": "'number ' || i", "created_at": f"{NOW} - i", **owner}
    provider = "CASE i % 7 WHEN 0 THEN 'fal' ELSE 'local' END"
    output = {"id": "'out_' || i", "video_id": "'video_' || i", "provider": provider, **owner}

    async def work(session: AsyncSession) -> None:
        await add_video(session, "video_first", 1, NOW, State.COMPLETED)
        for row, values in ((VideoRow, video), (OutputRow, output)):
            names = [column.name for column in row.__table__.columns]
            into = ", ".join(f'"{name}"' for name in names)
            chosen = ", ".join(values.get(name, f't."{name}"') for name in names)
            numbers = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 1999)"
            copies = f"INSERT INTO {row.__tablename__} ({into}) {numbers} SELECT {chosen} FROM {row.__tablename__} t, n"  # noqa: S608
            await session.execute(text(copies))

    await database.write(work)
    if database.shared:  # as Postgres does by itself, and SQLite does not
        await database.write(lambda session: session.execute(text("ANALYZE")))


async def _plan(database: Database, statement: Statement) -> str:
    explain = "EXPLAIN" if database.shared else "EXPLAIN QUERY PLAN"
    async with database.read() as session:
        connection = await session.connection()
        rows = await connection.exec_driver_sql(f"{explain} {statement.text}", statement.parameters)
        return "\n".join(map(str, rows))
