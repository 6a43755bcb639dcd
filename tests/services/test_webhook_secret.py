"""The secret that signs what goes to the `webhook_url` of requests: replaced at once, or with a day for both."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from standardwebhooks import Webhook

from app.db.postgres import PostgresDatabase
from tests.services import bench as bench_module
from tests.services.bench import OWNER, Bench, Scripted, open_bench
from tests.services.hooks import DAY, deliver, end_video, webhooks_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.receiver import Receiver


@pytest.fixture(params=["sqlite", "postgres"])
async def bench(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Bench]:
    if request.param == "postgres":
        url: str = request.getfixturevalue("postgres_url")
        monkeypatch.setattr(bench_module, "new_database", lambda _folder: PostgresDatabase(url))
    async with open_bench(tmp_path, Scripted()) as opened:
        yield opened


async def signers(bench: Bench, receiver: Receiver, *secrets: str) -> list[str]:
    """Send an event, and return those of the secrets that signed it; nothing else may have."""
    await end_video(bench, webhook_url=receiver.url())
    assert await deliver(bench) == 1
    got = receiver.got[-1]
    sent_at = datetime.fromtimestamp(int(got.headers["webhook-timestamp"]), UTC)
    signatures = got.headers["webhook-signature"].split(" ")
    found = [
        secret
        for secret in secrets
        if Webhook(secret).sign(got.headers["webhook-id"], sent_at, got.body.decode()) in signatures
    ]
    assert len(signatures) == len(found)
    return found


async def test_without_a_grace_only_the_new_secret_signs(bench: Bench, receiver: Receiver) -> None:
    hooks = webhooks_of(bench)
    old = await hooks.secret(OWNER)
    new = await hooks.rotate_secret(OWNER, keep_old=False)
    assert new == await hooks.secret(OWNER) != old
    assert await signers(bench, receiver, old, new) == [new]


async def test_both_secrets_sign_for_a_day_and_then_the_new_one_alone(bench: Bench, receiver: Receiver) -> None:
    hooks = webhooks_of(bench)
    old = await hooks.secret(OWNER)
    new = await hooks.rotate_secret(OWNER, keep_old=True)
    assert await hooks.secret(OWNER) == new
    assert await signers(bench, receiver, old, new) == [old, new]
    assert await hooks.secret("another") not in (old, new)
    bench.clock.now += DAY - 1
    assert await signers(bench, receiver, old, new) == [old, new]
    bench.clock.now += 1
    assert await signers(bench, receiver, old, new) == [new]


async def test_no_more_than_two_secrets_sign_however_often_they_are_rotated(bench: Bench, receiver: Receiver) -> None:
    hooks = webhooks_of(bench)
    first = await hooks.secret(OWNER)
    second = await hooks.rotate_secret(OWNER, keep_old=True)
    third = await hooks.rotate_secret(OWNER, keep_old=True)
    assert await signers(bench, receiver, first, second, third) == [second, third]
    await hooks.rotate_secret(OWNER, keep_old=False)
    fifth = await hooks.secret(OWNER)
    assert await signers(bench, receiver, second, third, fifth) == [fifth]


async def test_a_secret_rotated_before_it_was_ever_asked_for_is_the_only_one(bench: Bench, receiver: Receiver) -> None:
    hooks = webhooks_of(bench)
    secret = await hooks.rotate_secret(OWNER, keep_old=True)
    assert await signers(bench, receiver, secret) == [secret]


async def test_rotations_at_one_moment_leave_one_secret(bench: Bench, receiver: Receiver) -> None:
    hooks = webhooks_of(bench)
    await asyncio.gather(*(hooks.rotate_secret(OWNER, keep_old=False) for _ in range(4)))
    secret = await hooks.secret(OWNER)
    assert await signers(bench, receiver, secret) == [secret]
