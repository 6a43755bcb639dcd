"""Receivers that are given up, moved, deleted, or get another secret; with a clock that tests move."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import pytest
from standardwebhooks import Webhook

from app.db.leases import Claim
from app.domain.errors import GatewayError
from app.services.webhooks import Changes
from tests.receiver import status
from tests.services.bench import OWNER, Scripted, open_bench

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.receiver import Receiver
    from tests.services.bench import Bench

from tests.services.hooks import DAY, HOUR, add_endpoint, deliver, end_video, log_of, webhooks_of


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(tmp_path, Scripted()) as opened:
        opened.clock.now = time.time()  # by which signatures are judged
        yield opened


async def test_410_disables_an_endpoint_and_gives_up_what_was_on_its_way(bench: Bench, receiver: Receiver) -> None:
    endpoint = await add_endpoint(bench, receiver.url())
    receiver.answers = [status(500)]
    await end_video(bench)
    await deliver(bench)
    receiver.answer = status(410)
    await end_video(bench)
    await deliver(bench)
    found = await webhooks_of(bench).get(OWNER, endpoint.id)
    assert (found.disabled_at, found.disabled_reason) == (bench.clock(), "It answered with status 410.")
    assert [each.row.state for each in await log_of(bench)] == ["failed", "failed"]
    await end_video(bench)
    assert len(await log_of(bench)) == 2
    with pytest.raises(GatewayError, match="disabled"):
        await webhooks_of(bench).resend(OWNER, (await log_of(bench))[0].id)
    receiver.answer = status(204)
    await webhooks_of(bench).update(OWNER, endpoint.id, Changes(enabled=True))
    await webhooks_of(bench).resend(OWNER, (await log_of(bench))[0].id)
    await deliver(bench)
    assert (await log_of(bench))[0].row.state == "delivered"


async def test_an_endpoint_that_its_owner_disabled_is_told_nothing_until_it_is_enabled(
    bench: Bench, receiver: Receiver
) -> None:
    endpoint = await add_endpoint(bench, receiver.url())
    webhooks = webhooks_of(bench)
    await end_video(bench)
    claim = Claim("bench", bench.clock(), 30.0, 100)
    (under_way,) = await bench.database.write(partial(bench.delivering.claim, claim=claim))
    found = await webhooks.update(OWNER, endpoint.id, Changes(name="quiet", enabled=False))
    told = (found.name, found.disabled_at, found.disabled_reason)
    assert told == ("quiet", bench.clock(), "It was disabled by hand.")
    await bench.delivering.deliver(under_way)
    await end_video(bench)
    assert await deliver(bench) == 0
    (given_up,) = await log_of(bench)
    assert (given_up.row.state, given_up.row.run_at) == ("failed", None)
    bench.clock.now += HOUR
    assert (await webhooks.update(OWNER, endpoint.id, Changes(enabled=False))).disabled_at == told[1]
    with pytest.raises(GatewayError, match="disabled"):
        await webhooks.resend(OWNER, given_up.id)
    await webhooks.update(OWNER, endpoint.id, Changes(enabled=True))
    await webhooks.resend(OWNER, given_up.id)
    assert await deliver(bench) == 1
    assert (await log_of(bench))[0].row.state == "delivered"


async def days_of_failures(bench: Bench, days: int, receiver: Receiver, successes: frozenset[int]) -> None:
    """End a video every day; the receiver fails but on the days of `successes`."""
    for day in range(days):
        await end_video(bench)
        receiver.answer = status(200) if day in successes else status(500)
        for _ in range(24):
            await deliver(bench)
            bench.clock.now += HOUR


async def test_five_days_of_nothing_but_failures_disable_an_endpoint(bench: Bench, receiver: Receiver) -> None:
    endpoint = await add_endpoint(bench, receiver.url())
    await days_of_failures(bench, 5, receiver, frozenset())
    assert (await webhooks_of(bench).get(OWNER, endpoint.id)).disabled_at is None
    await days_of_failures(bench, 1, receiver, frozenset())
    found = await webhooks_of(bench).get(OWNER, endpoint.id)
    assert found.disabled_reason == "Every attempt of five days has failed."
    heard = len(receiver.got)
    await days_of_failures(bench, 2, receiver, frozenset())
    assert len(receiver.got) == heard


async def test_a_success_now_and_then_keeps_an_endpoint_alive(bench: Bench, receiver: Receiver) -> None:
    endpoint = await add_endpoint(bench, receiver.url())
    await days_of_failures(bench, 14, receiver, frozenset({4, 9}))
    assert (await webhooks_of(bench).get(OWNER, endpoint.id)).disabled_at is None


async def test_outages_with_nothing_sent_in_between_are_not_added_up(bench: Bench, receiver: Receiver) -> None:
    endpoint = await add_endpoint(bench, receiver.url())
    receiver.answer = status(500)
    for _ in range(3):
        await end_video(bench)
        for _ in range(int(5.5 * DAY / HOUR)):  # three days of attempts, then none for two
            await deliver(bench)
            bench.clock.now += HOUR
    assert len(receiver.got) == 30
    assert (await webhooks_of(bench).get(OWNER, endpoint.id)).disabled_at is None


async def test_a_rotated_secret_signs_alone_unless_the_old_one_has_a_day_left(bench: Bench, receiver: Receiver) -> None:
    endpoint = await add_endpoint(bench, receiver.url())
    webhooks = webhooks_of(bench)
    second = (await webhooks.rotate(OWNER, endpoint.id, keep_old=True)).secret
    signers = [await signed_by(bench, receiver, endpoint.secret, second)]
    bench.clock.now += DAY
    signers.append(await signed_by(bench, receiver, endpoint.secret, second))
    third = (await webhooks.rotate(OWNER, endpoint.id, keep_old=False)).secret
    signers.append(await signed_by(bench, receiver, second, third))
    assert signers == [{0, 1}, {1}, {1}]
    assert len({endpoint.secret, second, third}) == 3


async def signed_by(bench: Bench, receiver: Receiver, *secrets: str) -> set[int]:
    """Have an event delivered and return which of the secrets have signed it."""
    await end_video(bench)
    await deliver(bench)
    got = receiver.got[-1]
    moment = datetime.fromtimestamp(int(got.headers["webhook-timestamp"]), UTC)
    wanted = [Webhook(each).sign(got.headers["webhook-id"], moment, got.body.decode()) for each in secrets]
    found = got.headers["webhook-signature"].split(" ")
    assert set(found) <= set(wanted)
    return {number for number, each in enumerate(wanted) if each in found}


async def test_another_url_counts_for_what_is_on_its_way(bench: Bench, receiver: Receiver) -> None:
    endpoint = await add_endpoint(bench, receiver.url("/old"))
    await end_video(bench)
    await webhooks_of(bench).update(OWNER, endpoint.id, Changes(url=receiver.url("/new")))
    await deliver(bench)
    assert [got.path for got in receiver.got] == ["/new"]


async def test_a_deleted_endpoint_is_told_nothing_any_more(bench: Bench, receiver: Receiver) -> None:
    endpoint = await add_endpoint(bench, receiver.url())
    await end_video(bench)
    claim = Claim("bench", bench.clock(), 30.0, 100)
    (under_way,) = await bench.database.write(partial(bench.delivering.claim, claim=claim))
    await webhooks_of(bench).delete(OWNER, endpoint.id)
    await bench.delivering.deliver(under_way)  # it had begun
    assert await log_of(bench) == []
    await end_video(bench)
    assert await deliver(bench) == 0
