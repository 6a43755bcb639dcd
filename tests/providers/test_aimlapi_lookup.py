"""A submit whose answer was lost is found in AI/ML API's logs by our own id."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from app.providers.aimlapi.adapter import AimlApiProvider
from app.providers.base import Finds, Sent, Succeeded
from app.providers.errors import Indeterminate, Misconfigured, ProviderError, Transient
from tests.providers.test_aimlapi import CENT, ORDER
from tests.upstreams.aimlapi import KEY, FakeAimlApi
from tests.upstreams.behaviour import Do, Rule, accept_then, answer, asked, cut, drip, fail, garbage, html
from tests.upstreams.running import run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from app.domain.jobs import Operation
    from app.providers.base import Order


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[FakeAimlApi, str]]:
    fake = FakeAimlApi(seconds=0)
    with run(fake.app) as url:
        yield fake, url


@pytest.fixture
def fake(served: tuple[FakeAimlApi, str]) -> FakeAimlApi:
    fake, _url = served
    fake.jobs.clear()
    fake.rules.clear()
    fake.ledger.clear()
    fake.log_lag = 0
    fake.clock.advance(60)  # the logs may be asked for again
    return fake


@pytest.fixture
def url(served: tuple[FakeAimlApi, str]) -> str:
    return served[1]


@asynccontextmanager
async def opened(url: str, key: str = KEY) -> AsyncIterator[AimlApiProvider]:
    provider = AimlApiProvider(key, url=url)
    try:
        yield provider
    finally:
        await provider.close()


def sent(fake: FakeAimlApi, given: Order = ORDER, seconds: float = 0) -> Sent:
    return Sent(given.submission_id, given.endpoint, fake.clock.now() + seconds, given)


async def lose(fake: FakeAimlApi, provider: AimlApiProvider, given: Order = ORDER) -> str:
    """Submit, lose the answer, and return what AI/ML API calls the generation."""
    fake.rules.add(Rule(on="submit", do=accept_then(cut(reset=True))))
    with pytest.raises(Indeterminate):
        await provider.submit(given)
    return fake.ledger.paid()[-1].request_id


def row(**changes: Any) -> dict[str, Any]:
    return {"client_request_id": "sub_1", "inference_id": "inf-1", **changes}


def page(*rows: Any, more: bool = False) -> Do:
    return answer(200, {"data": list(rows), "pagination": {"has_more": more}})


async def find(fake: FakeAimlApi, url: str, *answers: Do) -> Operation | None:
    fake.rules.add(*(asked("list", each) for each in answers))
    async with opened(url) as provider:
        return await provider.find_submission(sent(fake))


async def test_a_submit_whose_answer_was_lost_is_found_by_our_id(fake: FakeAimlApi, url: str) -> None:
    async with opened(url) as provider:
        assert isinstance(provider, Finds)
        assert (provider.lists_all, provider.by_likeness) == (False, False)
        upstream_id = await lose(fake, provider)
        operation = await provider.find_submission(sent(fake))
        assert operation == {"id": upstream_id, "cost": None}
        status = await provider.poll(operation)
    assert isinstance(status, Succeeded)
    assert status.cost == CENT == fake.ledger.charged()


async def test_two_that_say_the_same_are_told_apart(fake: FakeAimlApi, url: str) -> None:
    twin = replace(ORDER, submission_id="sub_2")
    async with opened(url) as provider:
        ids = [await lose(fake, provider), await lose(fake, provider, twin)]
        found = [await provider.find_submission(sent(fake, given)) for given in (ORDER, twin)]
    assert [each and each["id"] for each in found] == ids


async def test_an_id_that_had_to_be_written_otherwise_is_found(fake: FakeAimlApi, url: str) -> None:
    odd = replace(ORDER, submission_id="sub/1 ä")
    async with opened(url) as provider:
        upstream_id = await lose(fake, provider, odd)
        assert await provider.find_submission(sent(fake, odd)) == {"id": upstream_id, "cost": None}


async def test_a_submit_that_never_arrived_is_not_found(fake: FakeAimlApi, url: str) -> None:
    async with opened(url) as provider:
        await provider.submit(replace(ORDER, submission_id="sub_2"))
        assert await provider.find_submission(sent(fake)) is None


async def test_only_the_time_of_the_submit_is_searched(fake: FakeAimlApi, url: str) -> None:
    async with opened(url) as provider:
        await lose(fake, provider)
        assert await provider.find_submission(sent(fake, seconds=-50))
        assert await provider.find_submission(sent(fake, seconds=-3600)) is None
        assert await provider.find_submission(sent(fake, seconds=3600)) is None


async def test_a_job_that_failed_is_found_too(fake: FakeAimlApi, url: str) -> None:
    fake.rules.add(Rule(on="job", do=fail()))
    async with opened(url) as provider:
        upstream_id = await lose(fake, provider)
        assert await provider.find_submission(sent(fake)) == {"id": upstream_id, "cost": None}


async def test_a_row_that_is_late_is_found_later(fake: FakeAimlApi, url: str) -> None:
    fake.log_lag = 30
    async with opened(url) as provider:
        await lose(fake, provider)
        assert await provider.find_submission(sent(fake)) is None
        fake.clock.advance(31)
        assert await provider.find_submission(sent(fake, seconds=-31))


async def test_every_page_is_read_until_it_is_found(
    fake: FakeAimlApi, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.providers.aimlapi.lookup._PAGE", 2)
    async with opened(url) as provider:
        upstream_id = await lose(fake, provider)
        for number in range(7):
            await provider.submit(replace(ORDER, submission_id=f"other_{number}"))
        assert await provider.find_submission(sent(fake)) == {"id": upstream_id, "cost": None}
        assert fake.ledger.arrivals["list"] == 4
        assert await provider.find_submission(sent(fake, replace(ORDER, submission_id="other_6")))
    assert fake.ledger.arrivals["list"] == 5


async def test_logs_without_an_end_are_left_after_some_pages(fake: FakeAimlApi, url: str) -> None:
    fake.rules.add(Rule(on="list", do=page(row(client_request_id="other"), more=True), times=None))
    assert await find(fake, url) is None
    assert fake.ledger.arrivals["list"] == 10


async def test_logs_that_drip_are_given_up(fake: FakeAimlApi, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.providers.aimlapi.lookup._PATIENCE", 0.2)
    with pytest.raises(Transient, match="too long"):
        await find(fake, url, drip(5))


async def test_what_cannot_be_read_in_the_logs_is_passed_over(fake: FakeAimlApi, url: str) -> None:
    broken = [None, 7, "sub_1", {}, row(client_request_id=None), *(row(inference_id=wrong) for wrong in (None, 5, ""))]
    assert await find(fake, url, page(*broken, row())) == {"id": "inf-1", "cost": None}
    assert await find(fake, url, answer(200, {"data": []})) is None


@pytest.mark.parametrize(
    ("what", "error"),
    [
        (html(502), Transient),
        (answer(429, {"message": "Too Many Requests", "statusCode": 429}), Transient),
        (answer(400, {"message": "start: invalid", "statusCode": 400}), Transient),
        (answer(200, {"data": None}), Transient),
        (garbage(), Transient),
        (cut(), Transient),
        (answer(401, {"message": "This request requires a valid API key", "statusCode": 401}), Misconfigured),
    ],
)
async def test_logs_that_cannot_be_had_say_nothing(
    fake: FakeAimlApi, url: str, what: Do, error: type[ProviderError]
) -> None:
    with pytest.raises(error):
        await find(fake, url, what)
