"""Keys that end, that are rotated and that were mistyped, by a clock that tests move."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.domain.errors import GatewayError
from app.domain.limits import UNLIMITED, Limits
from app.services.accounts import Accounts, KeySettings
from tests.services.bench import Bench, Scripted, open_bench

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(tmp_path, Scripted()) as opened:
        yield opened


@pytest.fixture
async def accounts(bench: Bench) -> Accounts:
    return Accounts(bench.database, bench.clock, None, required=True)


async def refusal(accounts: Accounts, secret: str) -> str:
    with pytest.raises(GatewayError) as refused:
        await accounts.authenticate(f"Bearer {secret}")
    assert refused.value.code == "invalid_api_key"
    return refused.value.message


async def test_a_key_ends_at_its_moment_though_it_was_just_used(accounts: Accounts, bench: Bench) -> None:
    key, secret = await accounts.create_key("a", "member", expires_at=bench.clock() + 5)
    bench.clock.now += 4
    assert (await accounts.authenticate(f"Bearer {secret}")).owner == key.id
    bench.clock.now += 1
    assert "expired" in await refusal(accounts, secret)


async def test_a_key_cannot_be_made_or_changed_to_have_ended(accounts: Accounts, bench: Bench) -> None:
    with pytest.raises(GatewayError, match="lies in the past"):
        await accounts.create_key("a", "member", expires_at=bench.clock())
    key, secret = await accounts.create_key("a", "member", expires_at=bench.clock() + 5)
    with pytest.raises(GatewayError, match="lies in the past"):
        await accounts.update_key(key.id, lambda _: KeySettings("a", expires_at=bench.clock()))
    bench.clock.now += 10
    await accounts.update_key(key.id, lambda before: KeySettings("b", expires_at=before.expires_at))
    assert "expired" in await refusal(accounts, secret)
    await accounts.update_key(key.id, lambda _: KeySettings("b"))
    await accounts.authenticate(f"Bearer {secret}")


async def test_a_rotated_key_is_good_for_its_grace_period_and_no_longer(accounts: Accounts, bench: Bench) -> None:
    key, old = await accounts.create_key("a", "member", Limits(budget=7))
    await accounts.authenticate(f"Bearer {old}")
    same, new = await accounts.rotate_key(key.id, grace=60)
    assert (same.id, same.row.prefix, same.limits) == (key.id, new[:10], Limits(budget=7))
    callers = [await accounts.authenticate(f"Bearer {secret}") for secret in (old, new)]
    assert [caller.owner for caller in callers] == [key.id, key.id]
    bench.clock.now += 60
    assert "rotated" in await refusal(accounts, old)
    assert (await accounts.authenticate(f"Bearer {new}")).owner == key.id


async def test_without_grace_the_old_key_ends_at_once_and_so_does_the_one_before_it(accounts: Accounts) -> None:
    key, first = await accounts.create_key("a", "member")
    _, second = await accounts.rotate_key(key.id, grace=3600)
    _, third = await accounts.rotate_key(key.id, grace=0)
    for old in (first, second):
        assert "rotated" in await refusal(accounts, old)
    await accounts.authenticate(f"Bearer {third}")


async def test_a_revoked_key_is_neither_changed_nor_rotated_nor_good_by_its_old_secret(accounts: Accounts) -> None:
    key, old = await accounts.create_key("a", "member")
    _, new = await accounts.rotate_key(key.id, grace=3600)
    await accounts.revoke_key(key.id)
    for secret in (old, new):
        assert "revoked" in await refusal(accounts, secret)
    for change in (accounts.rotate_key(key.id, 0), accounts.update_key(key.id, lambda before: before)):
        with pytest.raises(GatewayError, match="not found"):
            await change
    assert (await accounts.get_key(key.id)).row.revoked_at is not None


async def test_a_mistyped_key_is_told_from_an_unknown_one_without_a_look_at_the_database(
    accounts: Accounts, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, mine = await accounts.create_key("a", "member")
    _, other = await Accounts(bench.database, bench.clock, None, required=True).create_key("b", "member")
    key = (await accounts.list_keys())[0]
    await accounts.revoke_key(key.id)
    assert "unknown, or was revoked" in await refusal(accounts, other if key.row.name == "b" else mine)

    def no_look() -> None:
        raise AssertionError("the database was asked")

    monkeypatch.setattr(bench.database, "read", no_look)
    swapped = mine[:5] + mine[6] + mine[5] + mine[7:]
    typos = [mine[:-1], mine + "a", mine[:-1] + ("a" if mine[-1] != "a" else "b"), mine.upper(), "rg_", "sk-1"]
    for typo in typos + ([swapped] if swapped != mine else []):
        assert "mistyped or cut off" in await refusal(accounts, typo)


async def test_an_update_keeps_what_it_does_not_name_and_is_known_at_once(accounts: Accounts) -> None:
    key, secret = await accounts.create_key("a", "member", Limits(max_concurrent=3, models=("m",)))
    assert (await accounts.authenticate(f"Bearer {secret}")).limits.max_concurrent == 3
    await accounts.update_key(key.id, lambda before: KeySettings(before.name, "reader", UNLIMITED))
    caller = await accounts.authenticate(f"Bearer {secret}")
    assert (caller.role, caller.limits) == ("reader", UNLIMITED)
    assert (await accounts.get_key(key.id)).row.name == "a"
