"""Every error and oddity of fal (fal.md §1 to §3): what it means for the engine, and what it has cost."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from app.providers import http
from app.providers.base import Failed, Pending, Succeeded
from app.providers.errors import Indeterminate, Misconfigured, Rejected, Transient
from app.providers.fal.doubts import APART, KEPT
from tests.providers.fal.bench import ORDER, Bench, entry, listed, order, request_error
from tests.upstreams import behaviour as do
from tests.upstreams.behaviour import Rule
from tests.upstreams.fal_checks import BAD_FORMAT, EXHAUSTED, NO_USER

LOCKED = "provider_balance_exhausted"

SUBMITS = [
    # refused with fal's word: nothing was accepted
    (do.answer(401, {"detail": NO_USER}), Misconfigured, "provider_error", 0),
    (do.answer(401, {"detail": BAD_FORMAT}), Misconfigured, "provider_error", 0),
    (do.answer(403, {"detail": "Key lacks scope"}), Misconfigured, "provider_error", 0),
    (do.answer(403, {"detail": EXHAUSTED}), Misconfigured, LOCKED, 0),
    (do.answer(403, {"detail": "User is locked. Reason: TOP_UP."}), Misconfigured, LOCKED, 0),
    (do.answer(403, {"detail": "User is locked. Reason: Admin lock."}), Misconfigured, "provider_error", 0),
    (do.answer(402, {"detail": "Payment required"}), Misconfigured, "provider_error", 0),
    (do.answer(404, {"detail": "Path /x not found"}), Misconfigured, "provider_error", 0),
    (do.answer(400, request_error("bad_request")), Rejected, "invalid_input", 0),
    (do.answer(422, listed("content_policy_violation")), Rejected, "moderation_blocked", 0),
    (do.answer(403, listed("content_policy_violation")), Rejected, "moderation_blocked", 0),
    (do.answer(422, listed("literal_error")), Rejected, "invalid_input", 0),
    (do.answer(422, {"detail": "malformed"}), Rejected, "invalid_input", 0),
    (do.answer(400, {"error": {"type": "validation_error", "message": "no"}}), Rejected, "invalid_input", 0),
    (do.answer(400, request_error("downstream_service_error")), Transient, None, 0),
    (do.answer(409, {"detail": "conflict"}), Transient, None, 0),
    (do.answer(429, {"detail": "queue is full"}), Transient, None, 0),
    (do.answer(429, request_error("concurrent_requests_limit"), {"retry-after": "7"}), Transient, None, 0),
    # no word of fal's, or no refusal: it may have been accepted
    (do.answer(429, "slow down"), Indeterminate, None, 0),
    (do.html(403), Indeterminate, None, 0),
    (do.answer(404, {"detail": []}), Indeterminate, None, 0),
    (do.answer(408, {"detail": "timeout"}), Indeterminate, None, 0),
    (do.answer(499, request_error("client_disconnected")), Indeterminate, None, 0),
    (do.answer(307, None, {"location": "https://evil.example/"}), Indeterminate, None, 0),
    (do.answer(500, request_error("internal_error")), Indeterminate, None, 0),
    (do.answer(503, request_error("runner_scheduling_failure"), {"x-fal-needs-retry": "1"}), Indeterminate, None, 0),
    (do.answer(504, request_error("request_timeout")), Indeterminate, None, 0),
    (do.html(502), Indeterminate, None, 0),
    (do.accept_then(do.html(502)), Indeterminate, None, 1),
    (do.accept_then(do.answer(500, request_error("internal_error"))), Indeterminate, None, 1),
    (do.accept_then(do.cut()), Indeterminate, None, 1),
    (do.accept_then(do.cut(reset=True)), Indeterminate, None, 1),
    (do.accept_then(do.hang()), Indeterminate, None, 1),
    (do.accept_then(do.answer(200, {"status": "IN_QUEUE"})), Indeterminate, None, 1),
    (do.accept_then(do.answer(200, {"request_id": ""})), Indeterminate, None, 1),
    (do.cut(), Indeterminate, None, 0),
    (do.garbage(), Indeterminate, None, 1),
    (do.half(), Indeterminate, None, 1),
    (do.half(short=True), Indeterminate, None, 1),
]


async def test_a_paid_answer_that_comes_a_byte_at_a_time_is_not_waited_for_for_ever(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "_READ_SECONDS", 1.0)
    bench.fake.rules.add(Rule(on="submit", do=do.drip(60)))
    async with bench.provider() as fal:
        with pytest.raises(Indeterminate):
            await fal.submit(ORDER)
    assert len(bench.ledger.paid()) == 1


@pytest.mark.parametrize(("what", "error", "code", "paid"), SUBMITS)
async def test_a_submit_that_is_no_plain_success(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, what: do.Do, error: type[Exception], code: str | None, paid: int
) -> None:
    monkeypatch.setattr(http, "_PATIENCE", httpx.Timeout(0.5 if what.then and what.then.kind == "hang" else 10))
    bench.fake.rules.add(Rule(on="submit", do=what))
    async with bench.provider() as fal:
        with pytest.raises(error) as caught:
            await fal.submit(ORDER)
    assert type(caught.value) is error
    assert getattr(caught.value, "code", None) == code
    assert bench.ledger.arrivals["submit"] == 1
    assert len(bench.ledger.paid()) == paid


BUSY = {
    "429": (do.answer(429, {"detail": "queue is full"}), True),
    "429, the account's cap": (do.answer(429, request_error("concurrent_requests_limit")), True),
    "429, a proxy's page": (do.html(429), True),
    "409": (do.answer(409, {"detail": "conflict"}), True),
    "the account's cap by its type alone": (do.answer(400, request_error("concurrent_requests_limit")), True),
    "400, their trouble": (do.answer(400, request_error("downstream_service_error")), False),
    "503": (do.answer(503, request_error("runner_scheduling_failure")), False),
}


@pytest.mark.parametrize(("what", "busy"), BUSY.values(), ids=BUSY)
async def test_too_much_work_is_told_from_a_fault(bench: Bench, what: do.Do, busy: bool) -> None:  # noqa: FBT001 - a table
    bench.fake.rules.add(Rule(on="submit", do=what))
    async with bench.provider() as fal:
        with pytest.raises((Transient, Indeterminate)) as caught:
            await fal.submit(ORDER)
    assert caught.value.busy is busy


async def test_a_refusal_names_the_field_and_the_mistake(bench: Bench) -> None:
    async with bench.provider() as fal:
        with pytest.raises(Rejected, match=r"^duration: Input should be less than or equal to 15; seed: Extra inputs"):
            await fal.submit(order(seconds=16, extra={"seed": 1}))
        bench.fake.rules.add(Rule(on="submit", do=do.answer(429, {"detail": "full"}, {"Retry-After": "7"})))
        with pytest.raises(Transient) as caught:
            await fal.submit(ORDER)
    assert caught.value.retry_after == 7


async def test_a_locked_account_is_out_of_balance_for_submits_only(bench: Bench) -> None:
    async with bench.provider() as fal:
        operation = await fal.submit(ORDER)
        bench.fake.lock()
        try:
            with pytest.raises(Misconfigured, match=r"account at fal\.ai has no balance left") as caught:
                await fal.submit(ORDER)
            assert caught.value.code == LOCKED
            assert "Top up your balance" in caught.value.said
            assert isinstance(await fal.poll(operation), Succeeded)
        finally:
            bench.fake.settings.locked = None


JOBS = [
    # the input's fault: final everywhere, charged or not
    (do.fail(units=0), "moderation_blocked", False, None),
    (do.fail(units=2), "moderation_blocked", False, 100_000),
    (do.fail(422, {"detail": [entry("x"), entry("content_policy_violation")]}), "moderation_blocked", False, None),
    *(
        (do.fail(422, listed(kind)), "invalid_input", False, None)
        for kind in (
            "image_load_error",
            "file_download_error",
            "face_detection_error",
            "multiple_of",
            "feature_not_supported",
            "image_too_small",
            "file_too_large",
            "greater_than",
            "sequence_too_long",
            "one_of",
            "audio_duration_too_long",
            "unsupported_video_format",
            "video_duration_too_long",
            "literal_error",
            "a_type_of_tomorrow",
        )
    ),
    (do.fail(422, listed("image_load_error"), units=1), "invalid_input", False, 50_000),
    (do.fail(400, request_error("bad_request"), error_type="bad_request"), "invalid_input", False, None),
    (do.fail(422, {"detail": "malformed policy"}), "invalid_input", False, None),
    (do.fail(404, {"detail": "Path /x not found"}), "invalid_input", False, None),
    # theirs
    (do.fail(422, listed("no_media_generated")), "provider_error", False, None),
    (do.fail(500, listed("internal_server_error")), "provider_error", True, None),
    (do.fail(400, listed("downstream_service_error")), "provider_error", True, None),
    (do.fail(400, listed("downstream_service_error"), units=1), "provider_error", False, 50_000),
    (do.fail(500, listed("downstream_service_unavailable")), "provider_error", True, None),
    (do.fail(504, listed("generation_timeout")), "timeout", True, None),
    *(
        (do.fail(status, request_error(kind), error="no", error_type=kind), code, True, None)
        for status, kind, code in (
            (504, "request_timeout", "timeout"),
            (504, "startup_timeout", "timeout"),
            (503, "runner_scheduling_failure", "provider_error"),
            (503, "runner_connection_timeout", "provider_error"),
            (503, "runner_disconnected", "provider_error"),
            (503, "runner_connection_refused", "provider_error"),
            (503, "runner_connection_error", "provider_error"),
            (502, "runner_incomplete_response", "provider_error"),
            (500, "runner_server_error", "provider_error"),
            (500, "internal_error", "provider_error"),
            (499, "client_disconnected", "provider_error"),
        )
    ),
    (do.fail(499, request_error("client_cancelled"), error_type="client_cancelled"), "cancelled", False, None),
    # ended, but without what was paid for
    (do.no_video(), "provider_error", False, 100_000),
]


@pytest.mark.parametrize(("what", "code", "elsewhere", "cost"), JOBS)
async def test_a_job_that_fails(bench: Bench, what: do.Do, code: str, elsewhere: bool, cost: int | None) -> None:  # noqa: FBT001 - a table
    bench.fake.rules.add(Rule(on="job", do=what))
    async with bench.provider() as fal:
        result = await fal.poll(await fal.submit(ORDER))
    assert isinstance(result, Failed)
    assert (result.code, result.elsewhere, result.cost) == (code, elsewhere, cost)
    assert result.message
    [paid] = bench.ledger.paid()
    assert paid.charged == (cost or 0)


UNNAMED = [
    (do.fail(500, {"detail": "Internal Server Error"}), "provider_error", True),
    (do.fail(504, {"detail": "too slow"}), "timeout", True),
    (do.fail(429, {"detail": "too many"}), "provider_error", True),
    (do.fail(499, {"detail": "gone"}), "cancelled", False),
]


@pytest.mark.parametrize(("what", "code", "elsewhere"), UNNAMED)
async def test_a_failure_that_may_be_the_questions_is_believed_when_it_is_told_twice(
    bench: Bench,
    what: do.Do,
    code: str,
    elsewhere: bool,  # noqa: FBT001 - a table
) -> None:
    bench.fake.rules.add(Rule(on="job", do=what))
    ahead = 0.0
    async with bench.provider(clock=lambda: time.time() + ahead) as fal:
        operation = await fal.submit(ORDER)
        for _ in range(3):  # at once, as callbacks may have it
            with pytest.raises(Transient) as caught:
                await fal.poll(operation)
        assert caught.value.retry_after == APART
        ahead = APART
        result = await fal.poll(operation)
    assert isinstance(result, Failed)
    assert (result.code, result.elsewhere, result.cost) == (code, elsewhere, None)


PASSING = [
    do.answer(503, request_error("runner_connection_error")),
    do.answer(500, {"detail": "Internal Server Error"}),
    do.answer(429, {"detail": "Too many requests"}),
    do.answer(429, request_error("concurrent_requests_limit")),
    do.answer(404, {"status": "NOT_FOUND"}),
]


@pytest.mark.parametrize("passing", PASSING)
@pytest.mark.parametrize("kind", [None, "content_policy_violation"])
async def test_a_passing_fault_of_the_result_hides_no_policy_refusal(
    bench: Bench, passing: do.Do, kind: str | None
) -> None:
    bench.fake.rules.add(Rule(on="job", do=do.fail(units=1, error_type=kind)), Rule(on="result", do=passing))
    async with bench.provider() as fal:
        operation = await fal.submit(ORDER)
        with pytest.raises(Transient):
            await fal.poll(operation)
        result = await fal.poll(operation)
    assert isinstance(result, Failed)
    assert (result.code, result.elsewhere, result.cost) == ("moderation_blocked", False, 50_000)


async def test_a_fault_that_stays_leaves_the_last_word_to_the_status(bench: Bench) -> None:
    bench.fake.rules.add(Rule(on="job", do=do.fail(units=1, error_type="downstream_service_error")))
    bench.fake.rules.add(Rule(on="result", do=PASSING[0], times=None))
    ahead = 0.0
    async with bench.provider(clock=lambda: time.time() + ahead) as fal:
        operation = await fal.submit(ORDER)
        with pytest.raises(Transient):
            await fal.poll(operation)
        ahead = APART
        result = await fal.poll(operation)
    assert isinstance(result, Failed)
    assert (result.code, result.elsewhere) == ("provider_error", False)


async def test_two_faults_that_differ_say_nothing_together(bench: Bench) -> None:
    bench.fake.rules.add(Rule(on="job", do=do.fail(units=1)))
    bench.fake.rules.add(*(Rule(on="result", do=what) for what in PASSING))
    ahead = 0.0
    async with bench.provider(clock=lambda: time.time() + ahead) as fal:
        operation = await fal.submit(ORDER)
        for _ in PASSING:
            ahead += APART
            with pytest.raises(Transient):
                await fal.poll(operation)
        assert isinstance(await fal.poll(operation), Failed)


@pytest.mark.parametrize("call", ["status", "result"])
async def test_what_fal_does_not_find_is_gone_only_when_it_is_old_and_missed_twice(bench: Bench, call: Any) -> None:
    missing = Rule(on=call, do=do.answer(404, {"status": "NOT_FOUND"}))
    ahead = 0.0
    async with bench.provider(clock=lambda: time.time() + ahead) as fal:
        operation = await fal.submit(ORDER)
        bench.fake.rules.add(missing)
        with pytest.raises(Transient):
            await fal.poll(operation)
        assert isinstance(await fal.poll(operation), Succeeded)
        bench.fake.rules.add(missing.model_copy(update={"times": None}))
        for later in (0.0, APART, KEPT - 60):
            ahead = later
            with pytest.raises(Transient):
                await fal.poll(operation)
        ahead = KEPT
        result = await fal.poll(operation)
        assert isinstance(result, Failed)
        assert result.code == "media_unavailable"
        with pytest.raises(Transient):  # forgotten, and so begun anew
            await fal.poll(operation)


async def test_a_failure_that_the_status_knows_nothing_of_goes_elsewhere_only_when_told_twice(bench: Bench) -> None:
    ahead = 0.0
    async with bench.provider(clock=lambda: time.time() + ahead) as fal:
        operation = await fal.submit(ORDER)
        bench.fake.rules.add(Rule(on="result", do=do.answer(500, listed("internal_server_error")), times=2))
        with pytest.raises(Transient):
            await fal.poll(operation)
        ahead = APART
        result = await fal.poll(operation)
    assert isinstance(result, Failed)
    assert result.elsewhere


POLLS = [
    # never fails a paid job
    ("status", do.html(502), Transient),
    ("status", do.answer(429, {"detail": "slow down"}), Transient),
    ("status", do.answer(500, request_error("internal_error")), Transient),
    ("status", do.html(404), Transient),
    ("status", do.html(403), Transient),
    ("status", do.garbage(), Transient),
    ("status", do.cut(), Transient),
    ("status", do.answer(200, ["COMPLETED"]), Transient),
    ("result", do.html(502), Transient),
    ("result", do.html(404), Transient),
    ("result", do.answer(429, request_error("concurrent_requests_limit")), Transient),
    ("result", do.answer(408, {"detail": "timeout"}), Transient),
    ("result", do.answer(503, {"detail": "Service Unavailable"}), Transient),
    ("result", do.garbage(), Transient),
    ("result", do.half(), Transient),
    ("result", do.half(short=True), Transient),
    ("result", do.cut(reset=True), Transient),
    ("result", do.answer(500, request_error("internal_error")), Transient),
    ("result", do.answer(499, request_error("client_disconnected")), Transient),
    # the operator's turn
    ("result", do.answer(403, {"error": {"type": "authorization_error", "message": "no"}}), Misconfigured),
    ("status", do.answer(401, {"detail": NO_USER}), Misconfigured),
    ("status", do.answer(403, {"detail": EXHAUSTED}), Misconfigured),
    ("result", do.answer(401, {"detail": NO_USER}), Misconfigured),
    # not yet
    ("status", do.answer(202, {"status": "IN_QUEUE"}), Pending()),
    ("status", do.answer(200, {"status": "IN_QUEUE", "queue_position": 4}), Pending(queue_position=4)),
    ("status", do.answer(200, {"status": "IN_PROGRESS", "logs": None}), Pending()),
    ("status", do.answer(200, {"status": "THINKING"}), Pending()),
    ("status", do.answer(200, {}), Pending()),
    ("result", do.answer(400, {"detail": "Request is still in progress"}), Pending()),
    ("result", do.answer(202, {"status": "IN_PROGRESS"}), Pending()),
    # perhaps gone
    ("status", do.answer(404, {"status": "NOT_FOUND"}), Transient),
    ("result", do.answer(404, {"status": "NOT_FOUND"}), Transient),
    ("result", do.answer(500, listed("internal_server_error")), Transient),
    # an end that the status did not tell of
    ("result", do.answer(422, listed("content_policy_violation")), "moderation_blocked"),
    ("result", do.answer(499, request_error("client_cancelled")), "cancelled"),
    ("result", do.answer(200, {"detail": "no video for you"}), "provider_error"),
    ("result", do.answer(200, [1]), "provider_error"),
]


@pytest.mark.parametrize(("call", "what", "expected"), POLLS)
async def test_a_poll_that_goes_wrong(bench: Bench, call: Any, what: do.Do, expected: Any) -> None:
    async with bench.provider() as fal:
        operation = await fal.submit(ORDER)
        bench.fake.rules.add(do.asked(call, what))
        if isinstance(expected, type):
            with pytest.raises(expected) as caught:
                await fal.poll(operation)
            assert type(caught.value) is expected
        else:
            result = await fal.poll(operation)
            assert (result.code if isinstance(result, Failed) else result) == expected
        if not isinstance(expected, str):
            assert isinstance(await fal.poll(operation), Succeeded)  # and the next one is fine
    assert len(bench.ledger.paid()) == 1
