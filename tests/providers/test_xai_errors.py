"""Every refusal and loss of xAI against the fake: what it means, and that nothing was ordered twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from app.providers.base import Failed, Succeeded
from app.providers.errors import Indeterminate, Misconfigured, ProviderError, Rejected, Transient
from tests.providers.test_xai import ORDER, Door, opened
from tests.upstreams.behaviour import Do, Rule, accept_then, answer, asked, cut, drip, garbage, half, hang, html
from tests.upstreams.running import run
from tests.upstreams.xai import KEY, FakeXai
from tests.upstreams.xai_errors import INVALID, REJECTED, ZERO_RETENTION, error, rejected

if TYPE_CHECKING:
    from collections.abc import Iterator

NO_CREDITS = "Your team t-1 has either used all available credits or reached its monthly spending limit."
WRONG_KEY = "Incorrect API key provided: xa***y. You can obtain an API key from https://console.x.ai."
MOVED = "Failed to deserialize the JSON body into the target type: missing field `video`"
DENIED = "The caller does not have permission to execute the specified operation"


@pytest.fixture(scope="module")
def door() -> Iterator[Door]:
    opened = Door()
    with run(opened) as opened.url:
        yield opened


@pytest.fixture
def fake(door: Door) -> FakeXai:
    door.fake = FakeXai(seconds=100)
    return door.fake


@pytest.fixture
def url(fake: FakeXai, door: Door) -> str:  # noqa: ARG001 - behind it
    return door.url


SUBMITS: dict[str, tuple[Do, type[ProviderError], str | None]] = {
    "400": (answer(400, error(INVALID, "Duration 16s is outside")), Rejected, "invalid_input"),
    "400, nested": (answer(400, error(INVALID, "no", "nested")), Rejected, "invalid_input"),
    "400, bare": (answer(400, error("", "no", "bare")), Rejected, "invalid_input"),
    "400, only a code": (answer(400, {"code": INVALID}), Rejected, "invalid_input"),
    "400, input moderation by its words": (answer(400, rejected(0)), Rejected, "moderation_blocked"),
    "400, input moderation by its code": (
        answer(400, error("imagine:content-moderated", "no")),
        Rejected,
        "moderation_blocked",
    ),
    "400, input moderation by its reason": (
        answer(400, {**error(INVALID, "no"), "block_reason": "violence"}),
        Rejected,
        "moderation_blocked",
    ),
    "403, against the usage guidelines": (
        answer(403, error(DENIED, "Content violates usage guidelines.")),
        Rejected,
        "moderation_blocked",
    ),
    "404, no such model": (
        answer(404, error("not-found", "The model x does not exist or your team t-1 does not have access to it.")),
        Misconfigured,
        "provider_error",
    ),
    "400, against a policy": (
        answer(400, error(INVALID, "The prompt violates our policy.")),
        Rejected,
        "moderation_blocked",
    ),
    "413": (answer(413, error("", "Payload too large", "bare")), Rejected, "invalid_input"),
    "415": (answer(415, error(INVALID, "Expected JSON")), Rejected, "invalid_input"),
    "422": (answer(422, error(INVALID, MOVED)), Rejected, "invalid_input"),
    "422, plain text": (answer(422, MOVED, {"content-type": "text/plain"}), Rejected, "invalid_input"),
    "401": (answer(401, error("unauthenticated", "No API key")), Misconfigured, "provider_error"),
    "400, wrong key": (answer(400, error(INVALID, WRONG_KEY)), Misconfigured, "provider_error"),
    "400, zero retention": (answer(400, error(INVALID, ZERO_RETENTION)), Misconfigured, "provider_error"),
    "400, the user's words are quoted": (
        answer(400, error(INVALID, f"Bad prompt: {WRONG_KEY} {ZERO_RETENTION}")),
        Rejected,
        "invalid_input",
    ),
    "402": (answer(402, error("", "pay", "bare")), Misconfigured, "provider_balance_exhausted"),
    "403": (answer(403, error(DENIED, "Not your model.")), Misconfigured, "provider_error"),
    "403, no credits": (answer(403, error(DENIED, NO_CREDITS)), Misconfigured, "provider_balance_exhausted"),
    "429, no credits": (
        answer(429, error("resource-exhausted", NO_CREDITS)),
        Misconfigured,
        "provider_balance_exhausted",
    ),
    "429": (answer(429, error("resource-exhausted", "Too many requests")), Transient, None),
    "429, a proxy's page": (html(429), Indeterminate, None),
    "400, empty": (answer(400), Indeterminate, None),
    "408": (answer(408, error("", "Request Timeout", "bare")), Indeterminate, None),
    "307": (answer(307, None, {"location": "https://example.com"}), Indeterminate, None),
    "500": (answer(500, error("internal", "Internal error")), Indeterminate, None),
    "502": (html(502), Indeterminate, None),
    "503": (answer(503, error("unavailable", "The service is busy")), Indeterminate, None),
    "524": (answer(524, "error code: 524"), Indeterminate, None),
    "200 without an id": (answer(200, {"id": "x"}), Indeterminate, None),
    "200 with an odd id": (answer(200, {"request_id": 7}), Indeterminate, None),
    "200 with an error": (answer(200, error(INVALID, "no")), Indeterminate, None),
    "200 that is no JSON": (answer(200, "<<"), Indeterminate, None),
    "cut": (cut(), Indeterminate, None),
    "reset": (cut(reset=True), Indeterminate, None),
}


@pytest.mark.parametrize(("do", "kind", "code"), SUBMITS.values(), ids=SUBMITS)
async def test_a_refused_submit_says_who_must_act_and_whether_it_is_known(
    do: Do, kind: type[ProviderError], code: str | None, fake: FakeXai, url: str
) -> None:
    fake.rules.add(Rule(on="submit", do=do))
    async with opened(url) as provider:
        with pytest.raises(ProviderError) as caught:
            await provider.submit(ORDER)
    assert type(caught.value) is kind
    assert getattr(caught.value, "code", None) == code
    assert KEY not in str(caught.value)
    if kind in {Misconfigured, Transient}:  # what they say of the operator's account is for the log alone
        assert "team" not in str(caught.value)
        assert str(do.status) in caught.value.said
    assert fake.ledger.arrivals["submit"] == 1


async def test_the_wait_that_a_429_asks_for_is_passed_on(fake: FakeXai, url: str) -> None:
    fake.rules.add(Rule(on="submit", do=answer(429, error("resource-exhausted", "no"), {"retry-after": "7"})))
    async with opened(url) as provider:
        with pytest.raises(Transient) as caught:
            await provider.submit(ORDER)
    assert caught.value.retry_after == 7


BUSY = {
    "429": (answer(429, error("resource-exhausted", "Too many requests")), True),
    "429, bare": (answer(429, error("", "Too many requests", "bare")), True),
    "429, a proxy's page": (html(429), True),
    "by its code alone": (answer(400, error("resource-exhausted", "Too many requests")), True),
    "503": (answer(503, error("unavailable", "no")), False),
}


@pytest.mark.parametrize(("do", "busy"), BUSY.values(), ids=BUSY)
async def test_too_much_work_is_told_from_a_fault(do: Do, busy: bool, fake: FakeXai, url: str) -> None:  # noqa: FBT001 - a table
    fake.rules.add(Rule(on="submit", do=do))
    async with opened(url) as provider:
        with pytest.raises((Transient, Indeterminate)) as caught:
            await provider.submit(ORDER)
    assert caught.value.busy is busy


LOST = {
    "cut": accept_then(cut()),
    "reset": accept_then(cut(reset=True)),
    "500": accept_then(answer(500, error("internal", "Internal error"))),
    "524": accept_then(answer(524, "error code: 524")),
    "hang": accept_then(hang()),
    "hang before it is handled": hang(),
    "half": half(),
    "half and then cut": half(short=True),
    "garbage": garbage(),
    "slower than anyone waits": drip(10),
}


@pytest.mark.parametrize("do", LOST.values(), ids=LOST)
async def test_accepted_but_the_answer_is_lost(
    do: Do, fake: FakeXai, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unknown is said, and the order was placed once at most."""
    monkeypatch.setattr("app.providers.http._PATIENCE", httpx.Timeout(5, read=0.2))
    fake.rules.add(Rule(on="submit", do=do))
    async with opened(url) as provider:
        with pytest.raises(Indeterminate):
            await provider.submit(ORDER)
    assert fake.ledger.arrivals["submit"] == 1
    assert len(fake.ledger.paid()) == (do.kind != "hang")


async def test_nothing_was_sent_where_nobody_listens(unused_port: int) -> None:
    async with opened(f"http://127.0.0.1:{unused_port}") as provider:
        with pytest.raises(Transient):
            await provider.submit(ORDER)


POLLS: dict[str, tuple[Do, type[ProviderError]]] = {
    "404": (answer(404, error("not-found", "The requested video generation was not found.")), Transient),
    "400 that nothing explains": (answer(400, error(INVALID, "Something is odd.")), Transient),
    "400 that was billed nothing": (
        answer(400, {**error(INVALID, "Odd."), "usage": {"cost_in_usd_ticks": 0}}),
        Transient,
    ),
    "503 of the moderation itself": (answer(503, error("unavailable", "content moderation is down")), Transient),
    "429": (answer(429, error("resource-exhausted", "Too many requests")), Transient),
    "500": (answer(500, error("internal", "Internal error")), Transient),
    "502": (html(502), Transient),
    "a proxy's 403": (html(403), Transient),
    "200, no JSON": (garbage(), Transient),
    "200, empty": (answer(200), Transient),
    "cut": (cut(), Transient),
    "401": (answer(401, error("unauthenticated", "no")), Misconfigured),
    "403": (answer(403, error(DENIED, "no")), Misconfigured),
    "400, wrong key": (answer(400, error(INVALID, WRONG_KEY)), Misconfigured),
}


@pytest.mark.parametrize(("do", "kind"), POLLS.values(), ids=POLLS)
async def test_no_trouble_with_a_poll_ends_a_paid_job(
    do: Do, kind: type[ProviderError], fake: FakeXai, url: str
) -> None:
    fake.rules.add(asked("status", do))
    async with opened(url) as provider:
        operation = await provider.submit(ORDER)
        fake.clock.advance(100)
        with pytest.raises(kind):
            await provider.poll(operation)
        assert isinstance(await provider.poll(operation), Succeeded)


ENDS: dict[str, tuple[Do, Failed]] = {
    "moderation with its bill": (
        answer(400, rejected(2_500_000_000)),
        Failed("moderation_blocked", f"xAI: {REJECTED}", 250_000),
    ),
    "moderation with no bill": (
        answer(403, error("imagine:content-moderated", "No.")),
        Failed("moderation_blocked", "xAI: No."),
    ),
    "moderation with its bill and a 500": (
        answer(500, rejected(2_500_000_000)),
        Failed("moderation_blocked", f"xAI: {REJECTED}", 250_000),
    ),
    "billed for another reason": (
        answer(400, {**error(INVALID, "It broke."), "usage": {"cost_in_usd_ticks": 10_000}}),
        Failed("provider_error", "xAI: It broke.", 1),
    ),
}


@pytest.mark.parametrize(("do", "end"), ENDS.values(), ids=ENDS)
async def test_an_error_on_a_poll_that_explains_itself_is_the_end(do: Do, end: Failed, fake: FakeXai, url: str) -> None:
    fake.rules.add(Rule(on="status", do=do))
    async with opened(url) as provider:
        operation = await provider.submit(ORDER)
        assert await provider.poll(operation) == end
