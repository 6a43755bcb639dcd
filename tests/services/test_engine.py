"""The engine and what it stands on, when things go wrong at the worst moment."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import inspect

from app.api.present import video_object
from app.db import keys, outputs
from app.db.leases import Claim, Leases
from app.db.session import DatabaseUnavailable
from app.db.tables import OutputRow
from app.domain.errors import GatewayError
from app.providers.base import Pending
from app.providers.errors import Indeterminate
from app.services import lanes
from app.services.accounts import Accounts
from app.services.engine import Engine
from app.services.link_secrets import LinkSecrets
from app.services.submitting import Submitting
from tests.services.bench import OWNER, Finding, Scripted, open_bench, request
from tests.services.hooks import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.db.videos import Video
    from app.services.lanes import Work
    from tests.services.bench import Bench


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(tmp_path, Scripted()) as opened:
        yield opened


async def row_of(bench: Bench, output_id: str) -> OutputRow:
    async with bench.database.read() as session:
        return await session.get_one(OutputRow, output_id)


async def test_a_delete_during_a_cleanup_is_cleaned_up_after(bench: Bench) -> None:
    video_id = await bench.create()
    await bench.videos.cancel(OWNER, video_id)
    claim = Claim("bench", bench.clock(), 30.0, 9)
    (under_way,) = await bench.database.write(partial(outputs.claim, states=None, claim=claim))
    await bench.videos.delete(OWNER, video_id)
    await bench.database.write(partial(outputs.cleaned, job=under_way))
    assert (await row_of(bench, under_way.id)).cleanup
    assert await bench.clean_up() == 1


async def test_a_short_lease_still_leaves_time_to_submit(bench: Bench) -> None:
    engine = Engine(bench.context, lease=3.0)
    await engine.start()
    await bench.create()
    engine.wake()
    await until(lambda: len(bench.provider.ledger) == 1)
    await engine.stop()


async def test_a_step_that_raises_is_repeated_from_where_it_got_to(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.services.engine._FAULT_SECONDS", 0.0)
    bench.provider.on_submit = [RuntimeError("a fault of ours")]
    engine = Engine(bench.context, lease=30.0)
    await engine.start()
    video_id = await bench.create()
    (output,) = (await bench.show(video_id)).outputs
    engine.wake()
    await until(lambda: len(bench.provider.ledger) == 1)
    await asyncio.sleep(0.2)
    row = await row_of(bench, output.id)
    assert (row.state, len(bench.provider.ledger)) == ("submitting", 1)
    await engine.stop()
    assert (await row_of(bench, output.id)).lease_owner is None


async def test_one_failed_renewal_does_not_end_renewing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    renewals: list[set[str]] = []

    async def renew(_leases: Leases, _session: AsyncSession, owner: str, ids: set[str], until: float) -> None:
        del owner, until
        renewals.append(ids)
        raise RuntimeError("the disk is full")

    submitting = asyncio.Event()

    async def slow(_order: object) -> dict[str, object]:
        await submitting.wait()
        return {"id": "up"}

    monkeypatch.setattr(Leases, "renew", renew)
    bench.provider.submit = slow  # type: ignore[method-assign,assignment]  # the scripted provider's own
    engine = Engine(bench.context, lease=1.5)
    await engine.start()
    await bench.create()
    engine.wake()
    await until(lambda: len(renewals) > 2)
    assert engine.alive
    submitting.set()
    await engine.stop()
    assert not engine.alive


async def working(bench: Bench, submit: Callable[[object], Awaitable[dict[str, object]]]) -> tuple[Engine, str]:
    """Return an engine that is in the middle of a submit, and the output's id."""
    begun = asyncio.Event()

    async def watched(order: object) -> dict[str, object]:
        begun.set()
        return await submit(order)

    bench.provider.submit = watched  # type: ignore[method-assign,assignment]  # the scripted provider's own
    engine = Engine(bench.context, lease=30.0)
    await engine.start()
    (output,) = (await bench.show(await bench.create())).outputs
    engine.wake()
    await asyncio.wait_for(begun.wait(), 60)
    return engine, output.id


async def test_a_stop_waits_for_the_answer_to_a_paid_request(bench: Bench) -> None:
    async def slow(_order: object) -> dict[str, object]:
        await asyncio.sleep(0.5)
        return {"id": "up"}

    engine, output_id = await working(bench, slow)
    await engine.stop()
    row = await row_of(bench, output_id)
    assert (row.state, row.operation, row.lease_owner) == ("running", {"id": "up"}, None)


async def test_a_stop_does_not_wait_for_ever_and_hands_back_what_it_had(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(_order: object) -> dict[str, object]:
        await asyncio.Event().wait()
        return {}

    monkeypatch.setattr("app.services.engine._DRAIN_SECONDS", 0.2)
    engine, output_id = await working(bench, never)
    await asyncio.wait_for(engine.stop(), 60)
    row = await row_of(bench, output_id)
    assert (row.state, row.lease_owner) == ("submitting", None)


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
async def test_a_date_that_is_set_ends_no_job_early_and_keeps_none_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    monkeypatch.setattr("app.services.engine._CLOCK_SECONDS", 0.05)
    async with open_bench(tmp_path, Scripted()) as bench:
        context = replace(bench.context, clock=bench.database.clock, poll_seconds=0.1)
        engine = Engine(context, lease=30.0)
        bench.clock.now = bench.database.clock()
        await engine.start()
        (output,) = (await bench.show(await bench.create())).outputs
        engine.wake()
        await until(lambda: len(bench.provider.ledger) == 1)
        before, wall = bench.database.clock(), time.time
        monkeypatch.setattr("app.db.sqlite.time.time", lambda: wall() + jump)
        await until(lambda: abs(bench.database.clock() - before - jump) < 60)
        row = await row_of(bench, output.id)
        assert abs(row.deadline - output.deadline - jump) < 60
        bench.provider.on_poll = [Pending(progress=42)]
        await until(lambda: not bench.provider.on_poll)
        async with asyncio.timeout(60):
            while (row := await row_of(bench, output.id)).progress != 42:
                await asyncio.sleep(0.02)
        assert row.state == "running"
        await engine.stop()


async def test_a_start_after_the_date_was_set_back_lets_nothing_wait_for_long(bench: Bench) -> None:
    (output,) = (await bench.show(await bench.create())).outputs
    await bench.database.write(partial(lanes.take_over, now=bench.clock() - 7200))
    assert (await row_of(bench, output.id)).run_at == bench.clock() - 7200 + 660


async def test_an_intent_whose_commit_was_not_confirmed_is_taken_back_for_nothing_was_sent(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = Submitting._begin  # noqa: SLF001 - where the connection is lost

    async def cut_off(self: Submitting, *args: Any, **options: Any) -> bool:
        await begin(self, *args, **options)
        monkeypatch.setattr(Submitting, "_begin", begin)
        raise DatabaseUnavailable("connection lost during COMMIT")

    monkeypatch.setattr(Submitting, "_begin", cut_off)
    video_id = await bench.create()
    await bench.step()
    assert (await bench.show(video_id)).outputs[0].state == "queued"
    assert bench.provider.ledger == []
    await bench.step()
    assert (await bench.show(video_id)).outputs[0].state == "running"
    assert len(bench.provider.ledger) == 1


async def test_a_job_that_was_cancelled_while_its_answer_was_lost_is_found_and_cancelled_upstream(
    tmp_path: Path,
) -> None:
    provider = Finding(found={"id": "up-1"}, lists_all=False, on_submit=[Indeterminate("cut off")])
    async with open_bench(tmp_path, provider) as bench:
        video_id = await bench.create()
        await bench.step()
        await bench.videos.cancel(OWNER, video_id)
        for _look in range(3):
            await bench.clean_up()
            bench.clock.now += 30
        assert provider.cancelled == [{"id": "up-1"}]
        assert (await bench.show(video_id)).row.error_code == "cancelled"
        assert await bench.clean_up() == 0


async def test_a_writer_that_has_ended_refuses_rather_than_hangs(bench: Bench) -> None:
    await bench.database.close()
    with pytest.raises(RuntimeError, match="does not run"):
        await bench.create()


async def test_the_link_secret_is_made_once_and_an_earlier_versions_is_taken_over(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "link.secret").write_bytes(b"a" * 32)
    for _ in range(2):
        ring = await LinkSecrets(bench.database, bench.clock, tmp_path / "link.secret").load()
        assert [secret.value for secret in ring.secrets] == [b"a" * 32]
        (tmp_path / "link.secret").unlink(missing_ok=True)


async def test_a_new_link_secret_is_long_and_random(bench: Bench, tmp_path: Path) -> None:
    ring = await LinkSecrets(bench.database, bench.clock, tmp_path / "none").load()
    (secret,) = ring.secrets
    assert len(secret.value) == 32
    assert len(set(secret.value)) > 8
    assert secret.value.hex() not in repr(ring)


async def test_old_link_secrets_are_forgotten_once_nothing_they_signed_is_good(bench: Bench, tmp_path: Path) -> None:
    secrets = LinkSecrets(bench.database, bench.clock, tmp_path / "link.secret")
    (tmp_path / "link.secret").write_bytes(b"a" * 32)
    for _ in range(3):
        await secrets.rotate(grace=100)
        bench.clock.now += 60
    assert len(secrets.ring.secrets) == 3  # of four
    bench.clock.now += 3600
    await secrets.rotate(grace=0)
    assert len(secrets.ring.accepted(bench.clock.now + 15)) == 1
    assert b"a" * 32 not in [secret.value for secret in secrets.ring.secrets]


async def test_a_key_revoked_while_it_is_looked_up_is_not_remembered(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = Accounts(bench.database, bench.clock, None, required=True)
    row, secret = await accounts.create_key("a", "admin")
    find = keys.find

    async def slow_find(session: AsyncSession, key_hash: str, now: float) -> object:
        found = await find(session, key_hash, now)
        await accounts.revoke_key(row.id)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(keys, "find", slow_find)
        await accounts.authenticate(f"Bearer {secret}")
    with pytest.raises(GatewayError, match="was revoked"):
        await accounts.authenticate(f"Bearer {secret}")


async def test_what_comes_while_a_lane_rests_is_claimed_together(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(bench.context, lease=30.0)
    (submit,) = (lane for lane in engine._lanes if lane.shared)  # noqa: SLF001 - there is no other way to it
    submit.rest, claim, claims = 7.7, submit.take, list[int]()
    sleep, over = asyncio.sleep, asyncio.Event()

    async def rest(seconds: float) -> None:
        if seconds == submit.rest:
            seconds = 0.0
            await (over.wait() if claims else sleep(0))
        await sleep(seconds)

    async def take(session: AsyncSession, wanted: Claim) -> Sequence[Work]:
        taken = await claim(session, wanted)
        claims.append(len(taken))
        return taken

    submit.take = take
    monkeypatch.setattr(asyncio, "sleep", rest)
    await engine.start()
    await bench.create(n=1)
    await until(lambda: claims == [1])
    for number in range(5):
        await bench.create(prompt=f"number {number}")
    over.set()
    await until(lambda: len(bench.provider.ledger) == 6)
    await engine.stop()
    assert claims == [1, 5]


async def test_a_create_is_answered_with_what_it_wrote_and_needs_no_look_at_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench.videos, "get", None)
    body = {"prompt": "a calm sea", "seconds": 1, "n": 2, "metadata": {"a": "b"}}
    created = await bench.videos.create(OWNER, request(**body), body, bench.folder, is_retry=False)
    monkeypatch.undo()
    stored = await bench.show(created.video.row.id)
    links = bench.context.links
    assert video_object(created.video, "https://here", links, {}) == video_object(stored, "https://here", links, {})
    for mine, read in zip((created.video.row, *created.video.outputs), (stored.row, *stored.outputs), strict=True):
        names = [column.key for column in inspect(read).mapper.column_attrs if column.key in inspect(read).dict]
        assert {name: getattr(mine, name) for name in names} == {name: getattr(read, name) for name in names}


async def test_a_create_sent_again_is_answered_though_the_database_is_away_for_a_moment(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await bench.create(idempotency_key="again")
    get, faults = bench.videos.get, [DatabaseUnavailable("gone"), DatabaseUnavailable("still gone")]

    async def at_first_not(owner: str, video_id: str) -> Video:
        if faults:
            raise faults.pop()
        return await get(owner, video_id)

    known = bench.videos._known  # noqa: SLF001 - as if the first one was just being written
    calls: list[None] = []

    async def known_at_last(*args: Any, **kwargs: Any) -> str | None:
        calls.append(None)
        return None if len(calls) == 1 else await known(*args, **kwargs)

    monkeypatch.setattr(bench.videos, "get", at_first_not)

    monkeypatch.setattr(bench.videos, "_known", known_at_last)
    assert await bench.create(idempotency_key="again") == first
    assert not faults


async def test_a_deleted_video_whose_answer_was_lost_is_cleaned_up_without_a_look(tmp_path: Path) -> None:
    provider = Finding(found={"id": "up-1"}, lists_all=False, on_submit=[Indeterminate("cut off")])
    async with open_bench(tmp_path, provider) as bench:
        video_id = await bench.create()
        await bench.step()
        await bench.videos.delete(OWNER, video_id)
        assert await bench.clean_up() == 1
        bench.clock.now += 3600
        assert await bench.clean_up() == 0
        assert provider.asked == []
