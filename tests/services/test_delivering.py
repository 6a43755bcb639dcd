"""Delivering against a real receiver that answers as it is told, with a clock that tests move."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from openai import OpenAI
from standardwebhooks import Webhook, WebhookVerificationError
from structlog.testing import capture_logs

from app.db.leases import Claim
from app.domain.errors import GatewayError
from app.domain.webhooks import PAUSES, SPREAD
from app.providers.errors import Rejected
from tests.receiver import DROP, HANG, receiving, status
from tests.services.bench import OWNER, Scripted, open_bench

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.receiver import Receiver
    from tests.services.bench import Bench

from tests.services.hooks import DAY, HOUR, add_endpoint, deliver, end_video, log_of, only, webhooks_of


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(tmp_path, Scripted()) as opened:
        opened.clock.now = time.time()  # by which signatures are judged
        yield opened


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
    monkeypatch.setattr("app.services.posting._ANSWER_SECONDS", 1.0)
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


async def test_410_ends_a_delivery_to_the_url_of_a_request(bench: Bench, receiver: Receiver) -> None:
    receiver.answer = status(410)
    await end_video(bench, webhook_url=receiver.url())
    await deliver(bench)
    assert (await only(bench)).row.state == "failed"


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


async def test_an_event_is_not_sent_again_beside_itself(bench: Bench, receiver: Receiver) -> None:
    await end_video(bench, webhook_url=receiver.url())
    claim = Claim("bench", bench.clock(), 30.0, 100)
    (under_way,) = await bench.database.write(partial(bench.delivering.claim, claim=claim))
    await webhooks_of(bench).resend(OWNER, under_way.id)
    assert await deliver(bench) == 0
    await bench.delivering.deliver(under_way)
    assert (await only(bench)).row.state == "delivered"
    await webhooks_of(bench).resend(OWNER, under_way.id)
    assert await deliver(bench) == 1
    assert len(receiver.ids) == 2


@pytest.mark.parametrize("code", [200, 500])
async def test_a_retry_after_beyond_all_dates_is_none(bench: Bench, receiver: Receiver, code: int) -> None:
    receiver.answer = status(code, retry_after="Mon, 01 Jan 99999999999 00:00:00 GMT")
    await end_video(bench, webhook_url=receiver.url())
    await deliver(bench)
    assert len((await only(bench)).row.history) == 1


async def test_the_log_does_not_say_where_a_webhook_goes(bench: Bench, receiver: Receiver) -> None:
    receiver.answer = DROP
    await end_video(bench, webhook_url=receiver.url("/services/T0/a-secret?and=another"))
    await end_video(bench, webhook_url="https://nobody.invalid/services/T0/a-secret")
    with capture_logs() as lines:
        await deliver(bench)
    told = [line["event"] for line in lines if line["event"].startswith("webhook")]  # others may log meanwhile
    assert told == ["webhook not delivered"] * 2
    assert "secret" not in str(lines)


async def test_a_deleted_video_still_says_that_it_was_cancelled_and_keeps_no_words(
    bench: Bench, receiver: Receiver
) -> None:
    video_id = await bench.create(webhook_url=receiver.url())
    await bench.videos.delete(OWNER, video_id)
    await deliver(bench)
    (got,) = receiver.got
    assert (got.event["type"], got.event["data"]["error"]) == ("video.cancelled", {"code": "cancelled", "message": ""})
    assert (await only(bench)).event.error_message is None
