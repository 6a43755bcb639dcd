"""Every refusal and loss of AI/ML API against the fake: what it means, and that nothing was ordered twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from app.providers.base import Succeeded
from app.providers.errors import Indeterminate, Misconfigured, ProviderError, Rejected, Transient
from tests.providers.test_aimlapi import CENT, ORDER, Door, opened
from tests.upstreams import aimlapi_errors as errors
from tests.upstreams.aimlapi import KEY, FakeAimlApi
from tests.upstreams.behaviour import Do, Rule, accept_then, answer, asked, cut, drip, garbage, half, hang, html
from tests.upstreams.running import run

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def door() -> Iterator[Door]:
    opened = Door()
    with run(opened) as opened.url:
        yield opened


@pytest.fixture
def fake(door: Door) -> FakeAimlApi:
    door.fake = FakeAimlApi(seconds=100)
    return door.fake


@pytest.fixture
def url(fake: FakeAimlApi, door: Door) -> str:  # noqa: ARG001 - behind it
    return door.url


SUBMITS: dict[str, tuple[Do, type[ProviderError], str | None]] = {
    "400": (answer(400, errors.invalid("duration: Required")), Rejected, "invalid_input"),
    "400, older envelope": (answer(400, errors.invalid("x", form=1)), Rejected, "invalid_input"),
    "400, moderation only in words": (
        answer(400, errors.error(400, "rejected by content moderation")),
        Rejected,
        "moderation_blocked",
    ),
    "400, moderation in the upstream's JSON": (
        answer(400, errors.error(400, '400 {"type": "error", "error": {"type": "content_policy", "message": "no"}}')),
        Rejected,
        "moderation_blocked",
    ),
    "400, moderation in the upstream's JSON, older": (
        answer(400, errors.error(400, '400 {"error": {"code": "content_moderated"}}', form=1)),
        Rejected,
        "moderation_blocked",
    ),
    "400, JSON that is none": (answer(400, errors.error(400, '400 {"error": {')), Rejected, "invalid_input"),
    "400, errors without end": (answer(400, errors.error(400, '{"error":' * 3000)), Rejected, "invalid_input"),
    "400, moderation by its code": (
        answer(400, errors.error(400, "no", kind="err_content_moderation")),
        Rejected,
        "moderation_blocked",
    ),
    "403, policy by its code": (
        answer(403, errors.error(403, "no", kind="policy_violation")),
        Rejected,
        "moderation_blocked",
    ),
    "404, model is gone": (answer(404, errors.error(404, "Model is deprecated")), Misconfigured, "provider_error"),
    "413": (answer(413, errors.error(413, "Payload Too Large")), Rejected, "invalid_input"),
    "422": (answer(422, errors.error(422, "cannot")), Rejected, "invalid_input"),
    "401": (answer(401, errors.no_key()), Misconfigured, "provider_error"),
    "402": (answer(402, errors.error(402, "pay")), Misconfigured, "provider_balance_exhausted"),
    "403, no credits": (answer(403, errors.out_of_credits()), Misconfigured, "provider_balance_exhausted"),
    "403, no credits, older": (answer(403, errors.out_of_credits(1)), Misconfigured, "provider_balance_exhausted"),
    "403, other": (answer(403, errors.error(403, "not in your plan")), Misconfigured, "provider_error"),
    "403, other kind": (answer(403, errors.error(403, "no", kind="err_region")), Misconfigured, "provider_error"),
    "429": (answer(429, errors.too_many(), {"retry-after": "7"}), Transient, None),
    "429, a proxy's page": (html(429), Indeterminate, None),
    "403, a proxy's page": (html(403), Indeterminate, None),
    "400, empty": (answer(400), Indeterminate, None),
    "408": (answer(408, errors.error(408, "Request Timeout")), Indeterminate, None),
    "302": (answer(302, None, {"location": "https://example.com"}), Indeterminate, None),
    "500 with the partner's 400 in it": (answer(500, errors.upstream(400, "{}")), Indeterminate, None),
    "502": (html(502), Indeterminate, None),
    "504": (answer(504, errors.error(504, "Generation timeout")), Indeterminate, None),
    "524": (answer(524, "error code: 524"), Indeterminate, None),
    "200 without an id": (answer(200, {"status": "queued"}), Indeterminate, None),
    "200 with a list": (answer(200, []), Indeterminate, None),
    "200 that is no JSON": (answer(200, "<<", {}), Indeterminate, None),
    "cut": (cut(), Indeterminate, None),
    "reset": (cut(reset=True), Indeterminate, None),
}


@pytest.mark.parametrize(("do", "kind", "code"), SUBMITS.values(), ids=SUBMITS)
async def test_a_refused_submit_says_who_must_act_and_whether_it_is_known(
    do: Do, kind: type[ProviderError], code: str | None, fake: FakeAimlApi, url: str
) -> None:
    fake.rules.add(Rule(on="submit", do=do))
    async with opened(url) as provider:
        with pytest.raises(ProviderError) as caught:
            await provider.submit(ORDER)
    assert type(caught.value) is kind
    assert getattr(caught.value, "code", None) == code
    assert KEY not in str(caught.value)
    assert fake.ledger.arrivals["submit"] == 1


async def test_the_wait_that_a_429_asks_for_is_passed_on(fake: FakeAimlApi, url: str) -> None:
    fake.rules.add(Rule(on="submit", do=answer(429, errors.too_many(), {"retry-after": "7"})))
    async with opened(url) as provider:
        with pytest.raises(Transient) as caught:
            await provider.submit(ORDER)
    assert caught.value.retry_after == 7


BUSY = {
    "429": (answer(429, errors.too_many()), True),
    "429, older envelope": (answer(429, errors.too_many(1)), True),
    "429, a proxy's page": (html(429), True),
    "by its code alone": (answer(400, errors.error(400, "no", kind="err_concurrency_limit")), True),
    "503": (answer(503, errors.error(503, "Service unavailable")), False),
    "too many requests, of the partner": (answer(500, errors.upstream(429, "Too Many Requests")), False),
}


@pytest.mark.parametrize(("do", "busy"), BUSY.values(), ids=BUSY)
async def test_too_much_work_is_told_from_a_fault(do: Do, busy: bool, fake: FakeAimlApi, url: str) -> None:  # noqa: FBT001 - a table
    fake.rules.add(Rule(on="submit", do=do))
    async with opened(url) as provider:
        with pytest.raises((Transient, Indeterminate)) as caught:
            await provider.submit(ORDER)
    assert caught.value.busy is busy


LOST = {
    "cut": accept_then(cut()),
    "reset": accept_then(cut(reset=True)),
    "500": accept_then(answer(500, errors.error(500, "Internal server error"))),
    "524": accept_then(answer(524, "error code: 524")),
    "hang": accept_then(hang()),
    "hang before it is handled": hang(),
    "half and then cut": half(short=True),
    "slower than anyone waits": drip(10),
}


@pytest.mark.parametrize("do", LOST.values(), ids=LOST)
async def test_accepted_but_the_answer_is_lost(
    do: Do, fake: FakeAimlApi, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unknown is said, and the order was placed once at most."""
    monkeypatch.setattr("app.providers.http._PATIENCE", httpx.Timeout(5, read=0.2))
    fake.rules.add(Rule(on="submit", do=do))
    async with opened(url) as provider:
        with pytest.raises(Indeterminate):
            await provider.submit(ORDER)
    assert fake.ledger.arrivals["submit"] == 1
    assert len(fake.ledger.paid()) == (do.kind != "hang")


@pytest.mark.parametrize("do", [garbage(), half()], ids=["garbage", "half"])
async def test_an_accepted_job_is_known_by_its_header_where_the_body_cannot_be_read(
    do: Do, fake: FakeAimlApi, url: str
) -> None:
    fake.rules.add(Rule(on="submit", do=do))
    async with opened(url) as provider:
        operation = await provider.submit(ORDER)
    (paid,) = fake.ledger.paid()
    assert operation == {"id": paid.request_id, "cost": CENT}


async def test_nothing_was_sent_where_nobody_listens(unused_port: int) -> None:
    async with opened(f"http://127.0.0.1:{unused_port}") as provider:
        with pytest.raises(Transient):
            await provider.submit(ORDER)


POLLS: dict[str, tuple[Do, type[ProviderError]]] = {
    "Inference not found": (answer(404, errors.not_found()), Transient),
    "Inference not found, older": (answer(404, errors.not_found(1)), Transient),
    "524": (answer(524, "error code: 524"), Transient),
    "500": (answer(500, errors.error(500, "Internal server error")), Transient),
    "502": (html(502), Transient),
    "429": (answer(429, errors.too_many()), Transient),
    "400 that nothing explains": (answer(400, errors.invalid("generation_id: odd")), Transient),
    "a proxy's 403": (html(403), Transient),
    "no JSON": (garbage(), Transient),
    "cut": (cut(), Transient),
    "401": (answer(401, errors.no_key()), Misconfigured),
    "403": (answer(403, errors.error(403, "no")), Misconfigured),
}


@pytest.mark.parametrize(("do", "kind"), POLLS.values(), ids=POLLS)
async def test_no_trouble_with_a_poll_ends_a_paid_job(
    do: Do, kind: type[ProviderError], fake: FakeAimlApi, url: str
) -> None:
    fake.rules.add(asked("status", do))
    async with opened(url) as provider:
        operation = await provider.submit(ORDER)
        fake.clock.advance(100)
        with pytest.raises(kind):
            await provider.poll(operation)
        assert isinstance(await provider.poll(operation), Succeeded)
