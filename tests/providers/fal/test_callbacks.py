"""Callbacks of fal: only the genuine and fresh ones count, and the key set is asked for as seldom as may be."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest
from nacl.signing import SigningKey
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from app.providers.errors import Rejected, Transient
from app.providers.fal.callbacks import read_keys
from tests.providers.fal.bench import Bench, order, serve
from tests.upstreams import behaviour as do
from tests.upstreams.behaviour import Rule
from tests.upstreams.running import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.requests import Request

BODY = b'{"request_id": "r-1", "status": "OK"}'


def _without(name: str) -> Callable[[dict[str, str]], None]:
    return lambda headers: headers.__delitem__(f"X-Fal-Webhook-{name}")


def _with(name: str, value: str) -> Callable[[dict[str, str]], None]:
    return lambda headers: headers.__setitem__(f"X-Fal-Webhook-{name}", value)


@pytest.mark.parametrize(
    ("spoil", "body", "ahead"),
    [
        (None, BODY + b" ", 0),
        (None, b"", 0),
        (None, BODY, 301),
        (None, BODY, -301),
        (_with("Request-Id", "r-2"), BODY, 0),
        (_with("Request-Id", "r\n1"), BODY, 0),
        (_with("User-Id", "someone"), BODY, 0),
        (_with("Timestamp", str(int(time.time()) + 9)), BODY, 0),
        (_with("Timestamp", "yesterday"), BODY, 0),
        (_with("Timestamp", "9" * 99), BODY, 0),
        (_with("Signature", "00" * 64), BODY, 0),
        (_with("Signature", "00"), BODY, 0),
        (_with("Signature", "no hex"), BODY, 0),
        (_without("Request-Id"), BODY, 0),
        (_without("User-Id"), BODY, 0),
        (_without("Timestamp"), BODY, 0),
        (_without("Signature"), BODY, 0),
    ],
)
async def test_whatever_is_not_genuine_is_refused(
    bench: Bench, spoil: Callable[[dict[str, str]], None] | None, body: bytes, ahead: float
) -> None:
    headers = bench.fake.caller.sign("r-1", BODY)
    now = int(headers["X-Fal-Webhook-Timestamp"]) + ahead
    if spoil:
        spoil(headers)
    async with bench.provider(clock=lambda: now) as fal:
        with pytest.raises(Rejected):
            await fal.verify_callback(headers, body)


@pytest.mark.parametrize("ahead", [0, 299, -299])
async def test_a_genuine_one_names_its_request_again_and_again(bench: Bench, ahead: float) -> None:
    headers = bench.fake.caller.sign("r-1", BODY)
    now = int(headers["X-Fal-Webhook-Timestamp"]) + ahead
    lowered = {name.lower(): value for name, value in headers.items()}
    async with bench.provider(clock=lambda: now) as fal:
        assert await fal.verify_callback(headers, BODY) == "r-1"
        assert await fal.verify_callback(lowered, BODY) == "r-1"
    assert bench.ledger.arrivals["other"] == 1


@pytest.fixture
def moved() -> Iterator[Bench]:
    """Make a bench of its own, whose clock and keys may change."""
    with serve() as bench:
        yield bench


async def test_the_key_set_is_fetched_for_strangers_but_not_for_each(moved: Bench) -> None:
    bench = moved
    ahead = 0.0
    async with bench.provider(clock=lambda: time.time() + ahead) as fal:
        await fal.verify_callback(bench.fake.caller.sign("r-1", BODY), BODY)
        bench.fake.caller._key = SigningKey.generate()  # noqa: SLF001 - fal changes its key
        changed = bench.fake.caller.sign("r-1", BODY)
        with pytest.raises(Rejected):  # asked a moment ago
            await fal.verify_callback(changed, BODY)
        assert bench.ledger.arrivals["other"] == 1
        ahead = 61
        assert await fal.verify_callback(changed, BODY) == "r-1"
        assert bench.ledger.arrivals["other"] == 2
        forged = bench.fake.caller.sign("r-1", BODY, forged=True)
        for _ in range(3):
            with pytest.raises(Rejected):
                await fal.verify_callback(forged, BODY)
        assert bench.ledger.arrivals["other"] == 2
        ahead = 61 + 24 * 3600
        bench.fake.clock.advance(ahead)
        await fal.verify_callback(bench.fake.caller.sign("r-1", BODY), BODY)
        assert bench.ledger.arrivals["other"] == 3


@pytest.mark.parametrize("what", [do.html(502), do.answer(200, {"keys": []}), do.answer(200, "[")])
async def test_without_a_key_set_fal_must_call_again(bench: Bench, what: do.Do) -> None:
    headers = bench.fake.caller.sign("r-1", BODY)
    bench.fake.rules.add(Rule(on="other", do=what))
    ahead = 0.0
    async with bench.provider(clock=lambda: time.time() + ahead) as fal:
        with pytest.raises(Transient):
            await fal.verify_callback(headers, BODY)
        ahead = 11
        assert await fal.verify_callback(headers, BODY) == "r-1"


async def test_strangers_cannot_make_us_ask_for_a_key_set_that_cannot_be_had(bench: Bench) -> None:
    forged = bench.fake.caller.sign("r-1", BODY, forged=True)
    bench.fake.rules.add(Rule(on="other", do=do.html(502), times=None))
    async with bench.provider() as fal:
        for _ in range(20):
            with pytest.raises(Transient):
                await fal.verify_callback(forged, BODY)
    assert bench.ledger.arrivals["other"] == 1


async def test_callbacks_that_come_at_once_are_served_by_one_look_at_the_key_set(bench: Bench) -> None:
    headers = bench.fake.caller.sign("r-1", BODY)
    bench.fake.rules.add(Rule(on="other", do=do.delay(0.2)))
    async with bench.provider() as fal:
        found = await asyncio.gather(*(fal.verify_callback(headers, BODY) for _ in range(20)))
    assert found == ["r-1"] * 20
    assert bench.ledger.arrivals["other"] == 1


def test_what_is_no_key_is_left_out() -> None:
    good = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}  # RFC 8037 A.2
    rows = [good, {"x": "AAAA"}, {"x": 7}, {**good, "crv": "X25519"}, "x", {"x": "ä"}]
    assert len(read_keys({"keys": rows})) == 1  # type: ignore[dict-item]  # dict is invariant
    assert read_keys({"keys": 7}) == read_keys([]) == []


async def test_a_real_callback_of_a_real_job(bench: Bench) -> None:
    got: list[tuple[dict[str, str], bytes]] = []

    async def receive(request: Request) -> Response:
        got.append((dict(request.headers), await request.body()))
        return Response()

    with run(Starlette(routes=[Route("/hook/{rest:path}", receive, methods=["POST"])])) as hooks:
        async with bench.provider() as fal:
            operation = await fal.submit(order(callback_url=f"{hooks}/hook/sub_1/mac?a=b&c"))
            deadline = time.monotonic() + 60
            while not got:
                assert time.monotonic() < deadline, "no callback came"
                await fal.poll(operation)
            assert await fal.verify_callback(*got[0]) == operation["id"]
