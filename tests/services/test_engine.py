"""The engine and what it stands on, when things go wrong at the worst moment."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import pytest

from app.db import keys, outputs
from app.db.tables import OutputRow
from app.domain.errors import GatewayError
from app.services.accounts import Accounts
from app.services.engine import Engine
from app.services.links import load_secret
from tests.services.bench import OWNER, Scripted, open_bench

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncSession

    from tests.services.bench import Bench


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(tmp_path, Scripted()) as opened:
        yield opened


async def row_of(bench: Bench, output_id: str) -> OutputRow:
    async with bench.database.read() as session:
        return await session.get_one(OutputRow, output_id)


async def until(true: Callable[[], bool]) -> None:
    for _ in range(500):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen")


async def test_a_delete_during_a_cleanup_is_cleaned_up_after(bench: Bench) -> None:
    video_id = await bench.create()
    await bench.videos.cancel(OWNER, video_id)
    claim = outputs.Claim("bench", bench.clock(), 30.0, 9)
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

    async def renew(_session: AsyncSession, owner: str, ids: set[str], until: float) -> None:
        del owner, until
        renewals.append(ids)
        raise RuntimeError("the disk is full")

    submitting = asyncio.Event()

    async def slow(_order: object) -> dict[str, object]:
        await submitting.wait()
        return {"id": "up"}

    monkeypatch.setattr(outputs, "renew", renew)
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


async def test_a_writer_that_has_ended_refuses_rather_than_hangs(bench: Bench) -> None:
    await bench.database.close()
    with pytest.raises(RuntimeError, match="does not run"):
        await bench.create()


async def test_the_link_secret_is_made_once_and_an_earlier_versions_is_taken_over(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "link.secret").write_bytes(b"a" * 32)
    assert await load_secret(bench.database, tmp_path / "link.secret") == b"a" * 32
    (tmp_path / "link.secret").unlink()
    assert await load_secret(bench.database, tmp_path / "link.secret") == b"a" * 32


async def test_a_new_link_secret_is_long_and_random(bench: Bench, tmp_path: Path) -> None:
    secret = await load_secret(bench.database, tmp_path / "none")
    assert len(secret) == 32
    assert len(set(secret)) > 8


async def test_a_key_revoked_while_it_is_looked_up_is_not_remembered(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = Accounts(bench.database, bench.clock, None, required=True)
    row, secret = await accounts.create_key("a", "member")
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
