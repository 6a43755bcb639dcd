"""A submit whose answer was lost is found in fal's list of requests, or surely not mistaken for another."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from app.domain.catalogue import Mode
from app.providers.base import Finds, Input, Sent, Succeeded
from app.providers.errors import Indeterminate, Misconfigured, ProviderError, Transient
from tests.providers.fal.bench import GROK, ORDER, T2V, Bench, order
from tests.upstreams import behaviour as do
from tests.upstreams.behaviour import Rule

if TYPE_CHECKING:
    from app.domain.jobs import Operation
    from app.providers.base import Order
    from app.providers.fal.adapter import FalProvider

I2V = f"{GROK}/image-to-video"
ANIMATED = order(
    endpoint=I2V, mode=Mode.IMAGE, ratio="auto", images=(Input("image", url="https://example.com/first.png"),)
)

REFERRED = replace(ANIMATED, endpoint=f"{GROK}/reference-to-video", mode=Mode.REFERENCE, ratio="16:9")


@pytest.fixture
def bench(served: Bench) -> Bench:
    served.fake.jobs.clear()
    served.fake.settings.list_lag = 0
    return served.fresh()


async def lose(bench: Bench, fal: FalProvider, given: Order = ORDER) -> str:
    """Submit, lose the answer, and return what fal calls the request."""
    bench.fake.rules.add(Rule(on="submit", do=do.accept_then(do.cut())))
    with pytest.raises(Indeterminate):
        await fal.submit(given)
    request_id = bench.ledger.paid()[-1].request_id
    await fal.poll(fal.adopt(request_id, given.endpoint))  # it has ended, so it is listed
    return request_id


def sent(given: Order = ORDER, at: float | None = None, taken: frozenset[str] = frozenset()) -> Sent:
    moment = time.time() if at is None else at
    return Sent(given.submission_id, given.endpoint, moment, replace(given, images=(), video=None), taken)


def row(**changes: Any) -> dict[str, Any]:
    """Make an item of the list that is the order's own."""
    said = {"prompt": "a calm sea", "aspect_ratio": "16:9", "resolution": "480p", "duration": 2}
    now = datetime.now(UTC).isoformat()
    return {"request_id": "r-1", "endpoint_id": T2V, "sent_at": now, "json_input": said, **changes}


def page(*items: Any, **more: Any) -> do.Do:
    return do.answer(200, {"items": list(items), "next_cursor": None, "has_more": False, **more})


def named(operation: Operation | None) -> object:
    """Return whose handle it is."""
    return operation and operation["id"]


async def find(bench: Bench, *answers: do.Do, given: Order = ORDER) -> Operation | None:
    bench.fake.rules.add(*(do.asked("list", answer) for answer in answers))
    async with bench.provider() as fal:
        return await fal.find_submission(sent(given))


async def test_a_submit_whose_answer_was_lost_is_found_by_what_it_said(bench: Bench) -> None:
    async with bench.provider() as fal:
        assert isinstance(fal, Finds)
        assert (fal.lists_all, fal.by_likeness) == (False, True)
        await fal.submit(order(prompt="another sea"))
        request_id = await lose(bench, fal)
        operation = await fal.find_submission(sent())
        assert operation
        assert (operation["id"], operation["endpoint"]) == (request_id, T2V)
        assert isinstance(await fal.poll(operation), Succeeded)
    assert len(bench.ledger.paid()) == 2


@pytest.mark.parametrize("given", [ANIMATED, REFERRED], ids=["image", "references"])
async def test_a_picture_with_another_address_is_no_other_request(bench: Bench, given: Order) -> None:
    async with bench.provider() as fal:
        request_id = await lose(bench, fal, given)
        assert named(await fal.find_submission(sent(given))) == request_id


async def test_a_request_from_before_the_submit_is_not_it_whatever_was_asked_for(bench: Bench) -> None:
    before = datetime.fromtimestamp(time.time() - 100, UTC).isoformat()
    assert await find(bench, page(row(sent_at=before))) is None


@pytest.mark.parametrize(
    "other",
    [
        {"prompt": "a calm sea."},
        {"seconds": 3},
        {"ratio": "9:16"},
        {"resolution": "720p"},
        {"endpoint": f"{GROK}/v1.5/text-to-video"},
        {"extra": {"seed": 5}},
    ],
    ids=str,
)
async def test_a_request_that_says_something_else_is_not_it(bench: Bench, other: dict[str, Any]) -> None:
    async with bench.provider() as fal:
        await lose(bench, fal)
        assert await fal.find_submission(sent(order(**other))) is None


@pytest.mark.parametrize("seconds", [-3600, -130, 70, 3600])
async def test_a_request_of_another_time_is_not_it(bench: Bench, seconds: float) -> None:
    async with bench.provider() as fal:
        await lose(bench, fal)
        assert await fal.find_submission(sent(at=time.time() + seconds)) is None


async def test_a_request_that_another_submission_owns_is_not_it(bench: Bench) -> None:
    async with bench.provider() as fal:
        request_id = await lose(bench, fal)
        assert await fal.find_submission(sent(taken=frozenset({request_id}))) is None


async def test_of_two_that_say_the_same_neither_is_taken_until_one_is_known(bench: Bench) -> None:
    async with bench.provider() as fal:
        first, second = await lose(bench, fal), await lose(bench, fal)
        assert await fal.find_submission(sent()) is None
        assert named(await fal.find_submission(sent(taken=frozenset({first})))) == second


async def test_a_request_that_is_not_listed_yet_is_found_later(bench: Bench) -> None:
    bench.fake.settings.list_lag = 3600
    async with bench.provider() as fal:
        request_id = await lose(bench, fal)
        assert await fal.find_submission(sent()) is None
        bench.fake.settings.list_lag = 0
        assert named(await fal.find_submission(sent())) == request_id


async def test_every_page_is_read(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.providers.fal.lookup._PAGE", 2)
    async with bench.provider() as fal:
        request_id = await lose(bench, fal)
        for number in range(5):
            await lose(bench, fal, order(prompt=f"sea {number}"))
        assert named(await fal.find_submission(sent())) == request_id
    assert bench.ledger.arrivals["list"] == 3


async def test_days_later_only_the_day_of_the_submit_is_read(bench: Bench) -> None:
    async with bench.provider(clock=lambda: time.time() + 3 * 86400) as fal:
        request_id = await lose(bench, fal)
        bench.fake.clock.advance(86400)
        await lose(bench, fal, order(prompt="a sea of another day"))
        bench.fake.rules.add(Rule(on="list", do=do.answer(500), match={"query": "&end=20"}))
        with pytest.raises(Transient):
            await fal.find_submission(sent())
        assert named(await fal.find_submission(sent())) == request_id


async def test_a_list_without_an_end_is_given_up(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.providers.fal.lookup._PAGES", 3)
    bench.fake.rules.add(Rule(on="list", do=page(row(), has_more=True, next_cursor="Mg=="), times=None))
    with pytest.raises(Transient, match="more than 60"):
        await find(bench)
    assert bench.ledger.arrivals["list"] == 3


async def test_a_list_that_drips_is_given_up(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.providers.fal.lookup._PATIENCE", 0.2)
    with pytest.raises(Transient, match="too long"):
        await find(bench, do.drip(5))


async def test_what_cannot_be_read_in_a_list_is_passed_over(bench: Bench) -> None:
    wrong: dict[str, tuple[Any, ...]] = {
        "request_id": (None, 5, ""),
        "sent_at": (None, 5, "yesterday", "", "2026-99-99T00:00:00Z"),
        "json_input": (None, "{}", [], {}),
        "endpoint_id": (None, 5, "other"),
    }
    broken = [row(**{"request_id": "x", name: value}) for name, values in wrong.items() for value in values]
    operation = await find(bench, page(None, 7, "r", [], {}, *broken, row(unknown=1)))
    assert named(operation) == "r-1"


@pytest.mark.parametrize("form", ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S+00:00"])
async def test_a_time_is_read_in_any_form_and_is_utc_without_a_zone(bench: Bench, form: str) -> None:
    assert await find(bench, page(row(sent_at=datetime.now(UTC).strftime(form))))


async def test_a_request_that_is_listed_twice_is_one(bench: Bench) -> None:
    assert await find(bench, page(row(), has_more=True, next_cursor="Mg=="), page(row()))


async def test_a_page_may_be_larger_than_other_answers(bench: Bench) -> None:
    picture = f"data:image/png;base64,{'A' * (5 << 20)}"
    said = {"prompt": "a calm sea", "resolution": "480p", "duration": 2, "image_url": picture}
    assert await find(bench, page(row(endpoint_id=I2V, json_input=said)), given=ANIMATED)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (do.html(502), Transient),
        (do.answer(429, {"error": {"type": "rate_limited", "message": "slow down"}}), Transient),
        (do.answer(400, {"error": {"type": "validation_error", "message": "no"}}), Transient),
        (do.answer(200, {"items": None}), Transient),
        (do.answer(200, []), Transient),
        (do.garbage(), Transient),
        (do.cut(), Transient),
        (do.answer(401, {"detail": "No user found for Key ID and Secret"}), Misconfigured),
        (do.answer(403, {"error": {"type": "authorization_error", "message": "no"}}), Misconfigured),
    ],
)
async def test_a_list_that_cannot_be_had_says_nothing(bench: Bench, answer: do.Do, error: type[ProviderError]) -> None:
    with pytest.raises(error):
        await find(bench, answer)
