"""Delivering against a real receiver that answers as it is told, with a clock that tests move."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from openai import OpenAI
from standardwebhooks import Webhook, WebhookVerificationError

from app.db import outputs
from app.db.deliveries import Page
from app.domain.errors import GatewayError
from app.domain.webhooks import EVENT_TYPES, PAUSES, SPREAD
from app.providers.base import Rejected
from app.services import lanes
from app.services.engine import Engine
from app.services.webhooks import Changes, Webhooks
from tests.receiver import DROP, HANG, receiving, status
from tests.services.bench import OWNER, Scripted, open_bench

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from app.db.deliveries import Delivery
    from app.db.tables import EndpointRow
    from tests.receiver import Receiver
    from tests.services.bench import Bench

HOUR = 3600.0
DAY = 24 * HOUR


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(tmp_path, Scripted()) as opened:
        opened.clock.now = time.time()  # by which signatures are judged
        yield opened


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


def webhooks_of(bench: Bench) -> Webhooks:
    return Webhooks(bench.database, bench.context.poster, bench.clock)


async def add_endpoint(bench: Bench, url: str) -> EndpointRow:
    return await webhooks_of(bench).create(OWNER, "name", url, list(EVENT_TYPES))


async def end_video(bench: Bench, **fields: object) -> str:
    """Make a video and cancel it."""
    video_id = await bench.create(**fields)
    await bench.videos.cancel(OWNER, video_id)
    return video_id


async def deliver(bench: Bench) -> int:
    """Make every attempt that is due, and return how many there were."""
    claim = outputs.Claim("bench", bench.clock(), 30.0, 100)
    due = await bench.database.write(partial(bench.delivering.claim, claim=claim))
    await asyncio.gather(*map(bench.delivering.deliver, due))
    return len(due)


async def log_of(bench: Bench, **page: object) -> list[Delivery]:
    found, _ = await webhooks_of(bench).deliveries(OWNER, Page(**page))  # type: ignore[arg-type]  # what Page takes
    return found


async def only(bench: Bench) -> Delivery:
    (delivery,) = await log_of(bench)
    return delivery


async def test_an_event_arrives_once_signed_for_the_openai_sdk_and_standard_webhooks(
    bench: Bench, receiver: Receiver
) -> None:
    endpoint = await add_endpoint(bench, receiver.url())
    bench.provider.on_submit = [Rejected("The prompt is not allowed.")]
    video_id = await bench.create()
    await bench.step()
    assert [await deliver(bench), await deliver(bench)] == [1, 0]
    (got,) = receiver.got
    event = got.event
    assert event == {
        "id": got.headers["webhook-id"],
        "object": "event",
        "created_at": int(bench.clock()),
        "type": "video.failed",
        "data": {
            "id": video_id,
            "object": "video.generation",
            "model": "grok-imagine-video",
            "status": "failed",
            "output": None,
            "error": {"code": "invalid_input", "message": "The prompt is not allowed."},
        },
    }
    assert event["id"].startswith("evt_")
    client = OpenAI(api_key="unused", webhook_secret=endpoint.secret)
    unwrapped: Any = client.webhooks.unwrap(got.body, got.headers)  # no SDK has a type for videos
    assert (unwrapped.type, unwrapped.data.id) == ("video.failed", video_id)
    assert Webhook(endpoint.secret).verify(got.body, got.headers) == event
    with pytest.raises(WebhookVerificationError):
        Webhook(endpoint.secret).verify(got.body.replace(b"failed", b"passed"), got.headers)


async def test_the_url_of_a_request_is_signed_with_its_owners_secret(bench: Bench, receiver: Receiver) -> None:
    await end_video(bench, webhook_url=receiver.url("/own?token=1"))
    await deliver(bench)
    (got,) = receiver.got
    secret = await webhooks_of(bench).secret(OWNER)
    assert secret.startswith("whsec_")
    assert (got.path, Webhook(secret).verify(got.body, got.headers)["type"]) == ("/own?token=1", "video.cancelled")
    assert await webhooks_of(bench).secret("another") != secret


async def test_both_receivers_of_a_video_get_the_same_event(bench: Bench, receiver: Receiver) -> None:
    await add_endpoint(bench, receiver.url("/a"))
    await end_video(bench, webhook_url=receiver.url("/b"))
    assert await deliver(bench) == 2
    assert len(set(receiver.ids)) == 1
    assert sorted(got.path for got in receiver.got) == ["/a", "/b"]


async def test_a_failing_receiver_is_tried_ten_times_over_three_days(bench: Bench, receiver: Receiver) -> None:
    receiver.answer = status(500, b"out of order")
    await end_video(bench, webhook_url=receiver.url())
    began, pauses = bench.clock(), []
    while await deliver(bench):
        row = (await only(bench)).row
        if row.run_at is None:
            break
        pauses.append(row.run_at - bench.clock())
        bench.clock.now = row.run_at - 0.5
        assert await deliver(bench) == 0, "not before its time"
        bench.clock.now = row.run_at
    assert len(receiver.got) == 10
    assert all(pause <= real <= pause * (1 + SPREAD) for pause, real in zip(PAUSES, pauses, strict=True))
    assert any(real > pause for pause, real in zip(PAUSES, pauses, strict=True)), "there is some jitter"
    assert bench.clock() - began > 3 * DAY
    delivery = await only(bench)
    assert (delivery.row.state, len(delivery.row.history)) == ("failed", 10)
    assert len(set(receiver.ids)) == 1, "the id stays"
    assert len({got.headers["webhook-timestamp"] for got in receiver.got}) == 10, "each attempt has its own time"


async def test_a_receiver_that_was_down_for_the_whole_first_day_gets_every_event(
    bench: Bench, receiver: Receiver
) -> None:
    receiver.answer = DROP
    ends = [await end_video(bench, webhook_url=receiver.url()) for _ in range(6)]
    began = bench.clock()
    while bench.clock() - began < DAY:
        await deliver(bench)
        bench.clock.now += HOUR
    receiver.answer, receiver.got = status(200), []
    while bench.clock() - began < 3 * DAY:
        await deliver(bench)
        bench.clock.now += HOUR
    assert sorted(got.event["data"]["id"] for got in receiver.got) == sorted(ends)
    assert {each.row.state for each in await log_of(bench)} == {"delivered"}


@pytest.mark.parametrize("code", [200, 201, 202, 204, 299])
async def test_any_2xx_is_a_success(bench: Bench, receiver: Receiver, code: int) -> None:
    receiver.answer = status(code)
    await end_video(bench, webhook_url=receiver.url())
    await deliver(bench)
    assert (await only(bench)).row.state == "delivered"


@pytest.mark.parametrize("code", [300, 301, 302, 303, 304, 307, 308, 400, 401, 404, 409, 429, 500, 503])
async def test_anything_else_is_a_failure_and_a_redirect_leads_nowhere(
    bench: Bench, receiver: Receiver, code: int
) -> None:
    with receiving() as elsewhere:
        receiver.answer = status(code, Location=elsewhere.url())
        await end_video(bench, webhook_url=receiver.url())
        await deliver(bench)
        assert elsewhere.connections == 0
    row = (await only(bench)).row
    assert (row.state, row.failures, row.history[0]["status_code"]) == ("pending", 1, code)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(DROP, "breaks off"), (b"SSH-2.0\r\n", "does not speak HTTP"), (b"HTTP/1.1 200", "breaks off")],
)
async def test_a_receiver_that_hangs_up_is_tried_again(
    bench: Bench, receiver: Receiver, answer: bytes | str, reason: str
) -> None:
    receiver.answers = [answer]
    await end_video(bench, webhook_url=receiver.url("/?token=hidden"))
    await deliver(bench)
    (attempt,) = (await only(bench)).row.history
    assert attempt["status_code"] is None
    assert reason in str(attempt["error"])
    assert "hidden" not in str(attempt["error"])
    bench.clock.now += 10
    await deliver(bench)
    assert (await only(bench)).row.state == "delivered"


async def test_a_receiver_that_keeps_silent_is_given_up_in_time(
    bench: Bench, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.services.posting._TOTAL_SECONDS", 0.3)
    receiver.answer = HANG
    await end_video(bench, webhook_url=receiver.url())
    await deliver(bench)
    (attempt,) = (await only(bench)).row.history
    assert attempt["error"] == "There was no answer within 0.3 s."


async def test_an_answer_without_end_is_cut_after_a_kilobyte_and_counts(bench: Bench, receiver: Receiver) -> None:
    receiver.answer = b"HTTP/1.1 200 OK\r\n\r\n" + b"a\x00\xff" * 100_000
    await end_video(bench, webhook_url=receiver.url())
    await deliver(bench)
    row = (await only(bench)).row
    (attempt,) = row.history
    assert row.state == "delivered"
    assert str(attempt["answer"]).startswith("a\ufffd\ufffda")
    assert len(str(attempt["answer"])) == 1024


async def test_of_an_answer_that_stops_halfway_the_beginning_is_kept(
    bench: Bench, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.services.posting._ANSWER_SECONDS", 0.3)
    receiver.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nthank"
    receiver.stays = True
    await end_video(bench, webhook_url=receiver.url())
    await deliver(bench)
    row = (await only(bench)).row
    assert (row.state, row.history[0]["answer"]) == ("delivered", "thank")


@pytest.mark.parametrize("code", [429, 502, 503, 504])
async def test_retry_after_is_obeyed(bench: Bench, receiver: Receiver, code: int) -> None:
    receiver.answer = status(code, Retry_After="1200")
    await end_video(bench, webhook_url=receiver.url())
    await deliver(bench)
    assert (await only(bench)).row.run_at == bench.clock() + 1200


async def test_retry_after_may_be_a_moment_and_a_day_at_most(bench: Bench, receiver: Receiver) -> None:
    date = datetime(2026, 1, 1, tzinfo=UTC)
    moment = {"Date": format_datetime(date, usegmt=True), "Retry_After": "Thu, 01 Jan 2026 01:00:00 GMT"}
    receiver.answers = [status(503, **moment), status(503, Retry_After="99999999"), status(503, Retry_After="soon")]
    for wait in (HOUR, DAY):
        if wait == HOUR:
            await end_video(bench, webhook_url=receiver.url())
        await deliver(bench)
        row = (await only(bench)).row
        assert row.run_at == bench.clock() + wait
        bench.clock.now = row.run_at
    await deliver(bench)
    row = (await only(bench)).row
    assert PAUSES[2] <= (row.run_at or 0) - bench.clock() <= PAUSES[2] * (1 + SPREAD)


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


async def test_410_ends_a_delivery_to_the_url_of_a_request(bench: Bench, receiver: Receiver) -> None:
    receiver.answer = status(410)
    await end_video(bench, webhook_url=receiver.url())
    await deliver(bench)
    assert (await only(bench)).row.state == "failed"


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


async def test_an_event_sent_again_keeps_its_id_and_starts_the_schedule_anew(bench: Bench, receiver: Receiver) -> None:
    await end_video(bench, webhook_url=receiver.url())
    await deliver(bench)
    receiver.answer = status(500)
    await webhooks_of(bench).resend(OWNER, (await only(bench)).id)
    await deliver(bench)
    assert len(set(receiver.ids)) == 1
    row = (await only(bench)).row
    assert (row.state, row.failures, [each["status_code"] for each in row.history]) == ("pending", 1, [204, 500])
    with pytest.raises(GatewayError, match="not found"):
        await webhooks_of(bench).resend("another", row.id)


async def test_another_url_counts_for_what_is_on_its_way(bench: Bench, receiver: Receiver) -> None:
    endpoint = await add_endpoint(bench, receiver.url("/old"))
    await end_video(bench)
    await webhooks_of(bench).update(OWNER, endpoint.id, Changes(url=receiver.url("/new")))
    await deliver(bench)
    assert [got.path for got in receiver.got] == ["/new"]


async def test_a_deleted_endpoint_is_told_nothing_any_more(bench: Bench, receiver: Receiver) -> None:
    endpoint = await add_endpoint(bench, receiver.url())
    await end_video(bench)
    claim = outputs.Claim("bench", bench.clock(), 30.0, 100)
    (under_way,) = await bench.database.write(partial(bench.delivering.claim, claim=claim))
    await webhooks_of(bench).delete(OWNER, endpoint.id)
    await bench.delivering.deliver(under_way)  # it had begun
    assert await log_of(bench) == []
    await end_video(bench)
    assert await deliver(bench) == 0


async def test_a_deleted_video_still_says_that_it_was_cancelled_and_keeps_no_words(
    bench: Bench, receiver: Receiver
) -> None:
    video_id = await bench.create(webhook_url=receiver.url())
    await bench.videos.delete(OWNER, video_id)
    await deliver(bench)
    (got,) = receiver.got
    assert (got.event["type"], got.event["data"]["error"]) == ("video.cancelled", {"code": "cancelled", "message": ""})
    assert (await only(bench)).event.error_message is None


async def until(done: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not done():
            await asyncio.sleep(0.01)


async def test_a_dead_receiver_delays_nobody_else(bench: Bench, receiver: Receiver) -> None:
    with receiving() as dead:
        dead.answer = HANG
        for _ in range(30):
            await end_video(bench, webhook_url=dead.url())
        for _ in range(10):
            await end_video(bench, webhook_url=receiver.url())
        engine = Engine(bench.context, lease=30.0)
        began = time.monotonic()
        await engine.start()
        await until(lambda: len(receiver.got) == 10)
        took = time.monotonic() - began
        await asyncio.sleep(0.5)
        assert (len(set(receiver.ids)), dead.most_under_way, took < 5) == (10, 4, True)
        for task in [task for lane in engine._lanes for task in lane.busy]:  # noqa: SLF001 - spares the test 9 s
            task.cancel()
        await engine.stop()


async def test_what_an_engine_left_when_it_was_killed_is_delivered_by_the_next(
    bench: Bench, receiver: Receiver
) -> None:
    await end_video(bench, webhook_url=receiver.url())
    claim = outputs.Claim("killed", bench.clock(), 30.0, 100)
    assert await bench.database.write(partial(bench.delivering.claim, claim=claim))
    if bench.database.shared:  # there, the lease must run out
        bench.clock.now += 31
    engine = Engine(bench.context, lease=30.0)
    await engine.start()
    await until(lambda: receiver.got)
    await engine.stop()
    assert len(receiver.got) == 1


async def test_a_slow_receiver_is_not_sent_the_same_twice_and_a_stop_hands_it_back(
    bench: Bench, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.services.engine._DRAIN_SECONDS", 0.1)
    receiver.answer = HANG
    await end_video(bench, webhook_url=receiver.url())
    context = replace(bench.context, clock=time.time)
    engine = Engine(context, lease=1.5)
    await engine.start()
    await until(lambda: receiver.got)
    for _ in range(40):
        await asyncio.sleep(0.1)
        engine.wake()
    assert len(receiver.got) == 1
    assert (await only(bench)).row.lease_owner is not None
    await engine.stop()
    row = (await only(bench)).row
    assert (row.state, row.lease_owner) == ("pending", None)


async def test_a_set_clock_moves_webhooks_and_since_when_their_receivers_fail(bench: Bench, receiver: Receiver) -> None:
    endpoint = await add_endpoint(bench, receiver.url())
    receiver.answer = status(500)
    await end_video(bench)
    await deliver(bench)
    due = (await only(bench)).row.run_at or 0.0
    await bench.database.write(partial(lanes.put_off, seconds=DAY))
    assert (await only(bench)).row.run_at == due + DAY
    found = await webhooks_of(bench).get(OWNER, endpoint.id)
    assert (found.failing_since, found.failed_at) == (bench.clock() + DAY, bench.clock() + DAY)


async def test_no_secret_is_logged_or_repeated(
    bench: Bench, receiver: Receiver, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = await add_endpoint(bench, receiver.url("/?token=planted"))
    receiver.answers = [status(500), DROP, status(200)]
    for _ in range(3):
        await end_video(bench, webhook_url=receiver.url("/?token=planted"))
        await deliver(bench)
    monkeypatch.setattr("app.services.delivering.signed_headers", lambda *_: 1 / 0)
    engine = Engine(bench.context, lease=30.0)
    await end_video(bench)
    await engine.start()
    await asyncio.sleep(0.5)
    await engine.stop()
    said = "".join(capfd.readouterr())
    assert "webhook not delivered" in said
    assert "ZeroDivisionError" in said
    for secret in (endpoint.secret, await webhooks_of(bench).secret(OWNER)):
        assert secret not in said
        assert secret.removeprefix("whsec_") not in said
    assert "planted" not in said
