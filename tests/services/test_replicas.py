"""Two replicas of the gateway on one Postgres: what a client asks once is made once, whoever answers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
import pytest

from app.db.postgres import PostgresDatabase
from app.db.tables import VideoRow
from app.domain.errors import GatewayError
from app.domain.jobs import State
from app.domain.key_settings import KeySettings
from app.services.accounts import Accounts
from app.services.link_secrets import LinkSecrets
from app.services.links import Links
from tests.services import bench
from tests.services.bench import OWNER, Scripted, open_bench, request
from tests.services.hooks import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from app.services.planning import Plan
    from app.services.videos import Created
    from tests.services.bench import Bench

BODY: dict[str, object] = {"prompt": "a calm sea", "seconds": 1, "resolution": "480p"}


@pytest.fixture
async def replicas(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Bench, Bench]]:
    monkeypatch.setattr(bench, "new_database", lambda _folder: PostgresDatabase(postgres_url))
    async with open_bench(tmp_path / "one", Scripted()) as one, open_bench(tmp_path / "two", Scripted()) as two:
        yield one, two


async def send(replica: Bench, *, key: str | None = None, is_retry: bool = False) -> Created:
    asked = request(**BODY, **({"idempotency_key": key} if key else {}))
    return await replica.videos.create(OWNER, asked, BODY, replica.folder, is_retry=is_retry)


async def all_videos(replica: Bench) -> set[str]:
    async with replica.database.read() as session:
        return set(await session.scalars(VideoRow.__table__.select().with_only_columns(VideoRow.id)))


def ids(created: list[Created]) -> set[str]:
    return {each.video.row.id for each in created}


async def until_refused(accounts: Accounts, secret: str | None, code: str) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                await accounts.authenticate(secret and f"Bearer {secret}")
            except GatewayError as error:
                assert error.code == code  # noqa: PT017 - until it is raised at all
                return
            await asyncio.sleep(0.01)


async def test_fifty_creates_with_one_key_make_one_video(replicas: tuple[Bench, Bench]) -> None:
    created = await asyncio.gather(*(send(replicas[number % 2], key="k") for number in range(50)))
    assert ids(created) == await all_videos(replicas[0])
    assert len(ids(created)) == 1
    assert sum(not each.replayed for each in created) == 1
    assert await replicas[0].step() == [State.QUEUED]


async def test_fifty_creates_without_a_key_are_fifty_videos(replicas: tuple[Bench, Bench]) -> None:
    created = await asyncio.gather(*(send(replicas[number % 2]) for number in range(50)))
    assert len(ids(created)) == 50


async def test_a_retry_that_overtakes_its_first_try_on_another_replica_makes_one_video(
    replicas: tuple[Bench, Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, quick = replicas
    planned, go_on = asyncio.Event(), asyncio.Event()
    plan = slow.planner.plan

    async def plan_slowly(*given: object) -> Plan:
        planned.set()
        await go_on.wait()
        return await plan(*given)  # type: ignore[arg-type]  # what it was given

    monkeypatch.setattr(slow.planner, "plan", plan_slowly)
    first_try = asyncio.create_task(send(slow))
    await planned.wait()
    quick.clock.now += 1
    retry = await send(quick, is_retry=True)
    go_on.set()
    first = await first_try
    assert (retry.replayed, first.replayed) == (False, True)
    assert {retry.video.row.id} == {first.video.row.id} == await all_videos(quick)


async def test_many_retries_at_once_make_one_video(replicas: tuple[Bench, Bench]) -> None:
    created = await asyncio.gather(*(send(replicas[number % 2], is_retry=number > 0) for number in range(20)))
    assert len(ids(created)) == 1


async def test_a_request_that_is_sent_on_purpose_after_a_retry_is_a_video_of_its_own(
    replicas: tuple[Bench, Bench],
) -> None:
    await send(replicas[0], is_retry=True)
    for replica in replicas:
        replica.clock.now += 1
    assert not (await send(replicas[1])).replayed
    assert len(await all_videos(replicas[0])) == 2


async def test_a_video_that_one_replica_made_is_worked_on_by_the_other(replicas: tuple[Bench, Bench]) -> None:
    one, two = replicas
    video_id = await one.create(n=2)
    assert await two.step() == [State.QUEUED] * 2
    assert await one.step() == []
    await one.videos.cancel(OWNER, video_id)
    assert (await two.show(video_id)).row.error_code == "cancelled"
    assert await two.clean_up() == 2
    assert len(two.provider.cancelled) == 2


async def test_a_revoked_key_is_refused_by_the_other_replica_at_once(replicas: tuple[Bench, Bench]) -> None:
    one, two = (Accounts(each.database, each.clock, None, required=True) for each in replicas)
    row, secret = await one.create_key("a", "admin")
    await two.load()
    await two.authenticate(f"Bearer {secret}")
    await one.revoke_key(row.id)
    await until_refused(two, secret, "invalid_api_key")


async def test_a_revoked_key_is_refused_within_ten_seconds_by_a_replica_that_hears_nothing(
    replicas: tuple[Bench, Bench], postgres_url: str
) -> None:
    deaf = PostgresDatabase(postgres_url)  # it was not started, so it does not listen
    one, two = (Accounts(each, replicas[0].clock, None, required=True) for each in (replicas[0].database, deaf))
    row, secret = await one.create_key("a", "admin")
    await two.load()
    await two.authenticate(f"Bearer {secret}")
    await one.revoke_key(row.id)
    await two.authenticate(f"Bearer {secret}")
    replicas[0].clock.now += 10
    with pytest.raises(GatewayError, match="was revoked"):
        await two.authenticate(f"Bearer {secret}")
    await deaf.close()


async def test_the_first_key_closes_the_other_replica_too(replicas: tuple[Bench, Bench]) -> None:
    one, two = (Accounts(each.database, each.clock, None, required=True) for each in replicas)
    await two.load()
    assert (await two.authenticate(None)).owner == "open"
    await one.create_key("a", "admin")
    await until_refused(two, None, "missing_api_key")


async def test_replicas_that_start_together_agree_on_the_secret_of_their_links(
    replicas: tuple[Bench, Bench], tmp_path: Path
) -> None:
    started = [LinkSecrets(each.database, each.clock, tmp_path / "none") for each in replicas * 4]
    rings = await asyncio.gather(*(each.load() for each in started))
    assert len({ring.secrets for ring in rings}) == 1


def opens(links: Links, query: str) -> bool:
    """Say whether a replica lets in who holds this link to the first output of a video."""
    given = httpx.QueryParams(query)
    return links.allows("video_1", int(given["index"]), int(given["expires"]), given["signature"])


async def test_a_rotated_link_secret_opens_on_both_replicas_what_either_signs_before_and_after(
    replicas: tuple[Bench, Bench],
) -> None:
    clock = replicas[0].clock
    one, two = (LinkSecrets(each.database, clock) for each in replicas)
    first, second = Links(await one.load(), clock), Links(await two.load(), clock)
    await two.start()
    before = first.query("video_1", 0)
    done = await one.rotate()
    await until(lambda: len(two.ring.secrets) == 2)
    assert first.query("video_1", 0) == second.query("video_1", 0) == before  # not used yet
    clock.now = done.used_from
    after = second.query("video_1", 0)
    assert after == first.query("video_1", 0) != before
    assert [opens(links, query) for links in (first, second) for query in (before, after)] == [True] * 4
    clock.now = done.old_until - 1
    assert len(one.ring.accepted(clock.now)) == 2
    clock.now = done.old_until
    assert len(one.ring.accepted(clock.now)) == 1
    await two.stop()


async def test_a_replica_that_hears_nothing_accepts_what_the_other_signs_from_the_first_moment(
    replicas: tuple[Bench, Bench], postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.services.link_secrets._LOOK_SECONDS", 0.05)
    deaf = PostgresDatabase(postgres_url)  # it was not started, so it does not listen
    clock = replicas[0].clock
    one, two = LinkSecrets(replicas[0].database, clock), LinkSecrets(deaf, clock)
    first, second = Links(await one.load(), clock), Links(await two.load(), clock)
    await two.start()
    done = await one.rotate(grace=0)
    await until(lambda: len(two.ring.secrets) == 2)
    old = second.query("video_1", 0)
    assert opens(first, old)
    clock.now = done.used_from
    assert not opens(first, old)
    assert not opens(second, old)
    assert opens(second, first.query("video_1", 0))
    await two.stop()
    await deaf.close()


async def test_of_two_admin_keys_that_become_members_at_once_one_stays(replicas: tuple[Bench, Bench]) -> None:
    books = [Accounts(each.database, each.clock, None, required=True) for each in replicas]
    for _ in range(10):
        made = [(await books[0].create_key("a", "admin"))[0] for _ in books]
        ended = await asyncio.gather(
            *(each.update_key(key.id, lambda _: KeySettings("a")) for each, key in zip(books, made, strict=True)),
            return_exceptions=True,
        )
        assert sum(isinstance(each, GatewayError) for each in ended) == 1
        admins = [
            each.row for each in await books[0].list_keys() if each.row.role == "admin" and each.row.revoked_at is None
        ]
        assert len(admins) == 1
        await books[0].revoke_key(admins[0].id)
