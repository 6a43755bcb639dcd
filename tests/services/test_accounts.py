"""Keys that end, that are rotated and that were mistyped, by a clock that tests move."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from app.domain.errors import GatewayError
from app.domain.key_settings import KeySettings
from app.domain.limits import UNLIMITED, Limits, Role
from app.services.accounts import OPEN, Accounts
from tests.services.bench import Bench, Scripted, open_bench

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable
    from pathlib import Path

ADMIN_KEY = "an-admin-key-of-the-account-tests"
ROLES: tuple[Role, ...] = ("member", "reader")


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(tmp_path, Scripted()) as opened:
        yield opened


@pytest.fixture
async def accounts(bench: Bench) -> Accounts:
    return Accounts(bench.database, bench.clock, ADMIN_KEY, required=True)


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
    _, other = await Accounts(bench.database, bench.clock, ADMIN_KEY, required=True).create_key("b", "member")
    key = (await accounts.list_keys())[0]
    await accounts.revoke_key(key.id)
    assert "unknown, or was revoked" in await refusal(accounts, other if key.row.name == "b" else mine)

    def no_look() -> None:
        raise AssertionError("the database was asked")

    monkeypatch.setattr(bench.database, "read", no_look)
    swapped = mine[:5] + mine[6] + mine[5] + mine[7:]
    typos = [mine[:-1], mine + "a", mine[:-1] + ("a" if mine[-1] != "a" else "b"), mine[:3] + mine[3:].upper(), "rg_"]
    for typo in typos + ([swapped] if swapped != mine else []):
        assert "mistyped or cut off" in await refusal(accounts, typo)
    for word in ("none", "sk-1", mine.upper(), f" {mine[3:]}"):
        said = await refusal(accounts, word)
        assert "this gateway has keys now" in said
        assert word.strip() not in said


async def test_an_update_keeps_what_it_does_not_name_and_is_known_at_once(accounts: Accounts) -> None:
    key, secret = await accounts.create_key("a", "member", Limits(max_concurrent=3, models=("m",)))
    assert (await accounts.authenticate(f"Bearer {secret}")).limits.max_concurrent == 3
    await accounts.update_key(key.id, lambda before: KeySettings(before.name, "reader", UNLIMITED))
    caller = await accounts.authenticate(f"Bearer {secret}")
    assert (caller.role, caller.limits) == ("reader", UNLIMITED)
    assert (await accounts.get_key(key.id)).row.name == "a"


async def test_while_there_is_no_admin_key_the_next_one_has_to_be_one(bench: Bench) -> None:
    accounts = Accounts(bench.database, bench.clock, None, required=True)
    for role in ROLES:
        await refuse_role(accounts.create_key("a", role))
    assert (await accounts.authenticate(None)) is OPEN
    assert await accounts.list_keys() == []
    key, _ = await accounts.create_key("a", "admin", expires_at=bench.clock() + 60)
    for role in ROLES:
        await accounts.create_key("b", role)
    bench.clock.now += 60
    await refuse_role(accounts.create_key("c", "member"))
    await accounts.update_key(key.id, lambda before: replace(before, name="ended"))
    await accounts.update_key(key.id, lambda before: KeySettings(before.name, "admin"))
    await accounts.create_key("c", "member")
    await accounts.revoke_key(key.id)
    await refuse_role(accounts.create_key("d", "member"))


async def test_the_last_admin_key_stays_one_and_any_other_may_become_a_member(bench: Bench) -> None:
    accounts = Accounts(bench.database, bench.clock, None, required=True)
    one, _ = await accounts.create_key("a", "admin")
    two, _ = await accounts.create_key("b", "admin")
    await accounts.update_key(one.id, lambda _: KeySettings("a", "member"))
    await accounts.update_key(one.id, lambda _: KeySettings("c", "reader"))
    await refuse_role(accounts.update_key(two.id, lambda _: KeySettings("b", "member")))
    assert [each.row.role for each in (await accounts.get_key(one.id), await accounts.get_key(two.id))] == [
        "reader",
        "admin",
    ]


async def test_beside_the_admin_key_of_the_settings_a_first_key_may_be_any(accounts: Accounts) -> None:
    for role in ROLES:
        await accounts.create_key("a", role)


async def refuse_role(work: Awaitable[object]) -> None:
    with pytest.raises(GatewayError, match="REELGATE_ADMIN_KEY") as refused:
        await work
    assert (refused.value.code, refused.value.param) == ("unsupported_value", "role")
