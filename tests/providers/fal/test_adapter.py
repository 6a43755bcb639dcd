"""The fal adapter against the fake fal: what leaves, what it costs, and that nothing is paid twice."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from app.domain.catalogue import Mode, Wire
from app.providers import base, errors
from app.providers.base import Input, Pending, Succeeded
from app.providers.errors import Misconfigured, Transient
from app.providers.fal.adapter import FalProvider
from app.providers.fal.addresses import BACKUPS
from tests.providers.fal.bench import GROK, ORDER, T2V, Bench, order, picture, serve
from tests.upstreams import behaviour as do
from tests.upstreams.behaviour import Rule
from tests.upstreams.clock import Clock
from tests.upstreams.fal import FakeFal, Settings
from tests.upstreams.running import run

if TYPE_CHECKING:
    from app.providers.base import Order

PNG = f"data:image/png;base64,{base64.b64encode(picture()).decode()}"
MP4 = "https://example.com/a.mp4"
PICTURE = Input("image", url=PNG)
PICTURES = (PICTURE, PICTURE)
FILM = Input("video", url=MP4)
INDEXED = Wire(tag="<IMAGE_{i}>")


def grok(name: str, mode: Mode, **changes: Any) -> Order:
    return order(endpoint=f"{GROK}/{name}", mode=mode, **changes)


@pytest.mark.parametrize(
    ("given", "body", "cost"),
    [
        (
            grok("text-to-video", Mode.TEXT),
            {"prompt": "a calm sea", "aspect_ratio": "16:9", "resolution": "480p", "duration": 2},
            100_000,
        ),
        (
            grok("image-to-video", Mode.IMAGE, ratio="auto", resolution="720p", seconds=6, images=(PICTURE,)),
            {"prompt": "a calm sea", "resolution": "720p", "duration": 6, "image_url": PNG},
            422_000,  # as recorded: 8.44 units
        ),
        (
            grok("reference-to-video", Mode.REFERENCE, prompt="@Image1 and <IMAGE_1>", images=PICTURES, seconds=6),
            {
                "prompt": "@Image1 and @Image2",
                "aspect_ratio": "16:9",
                "resolution": "480p",
                "duration": 6,
                "reference_image_urls": [PNG, PNG],
            },
            300_000,
        ),
        (
            grok("edit-video", Mode.EDIT, ratio="auto", resolution="480p", seconds=None, video=FILM),
            {"prompt": "a calm sea", "resolution": "480p", "video_url": MP4},
            480_000,  # as recorded: 9.6 units
        ),
        (
            grok("extend-video", Mode.EXTEND, ratio="auto", resolution="auto", seconds=4, video=FILM),
            {"prompt": "a calm sea", "duration": 4, "video_url": MP4},
            360_000,
        ),
        (
            grok("v1.5/text-to-video", Mode.TEXT, resolution="1080p", ratio="9:16"),
            {"prompt": "a calm sea", "aspect_ratio": "9:16", "resolution": "1080p", "duration": 2},
            500_000,
        ),
        (
            grok("v1.5/image-to-video", Mode.IMAGE, ratio="auto", images=(PICTURE,)),
            {"prompt": "a calm sea", "resolution": "480p", "duration": 2, "image_url": PNG},
            170_000,
        ),
        (
            grok("v1.5/reference-to-video", Mode.REFERENCE, prompt="@Image1 runs", images=(PICTURE,), wire=INDEXED),
            {
                "prompt": "<IMAGE_0> runs",
                "aspect_ratio": "16:9",
                "resolution": "480p",
                "duration": 2,
                "reference_image_urls": [PNG],
            },
            170_000,
        ),
        (
            grok("v1.5/lite/text-to-video", Mode.TEXT, resolution="720p", ratio="1:1"),
            {"prompt": "a calm sea", "aspect_ratio": "1:1", "resolution": "720p", "duration": 2},
            60_000,
        ),
        (
            grok("v1.5/lite/image-to-video", Mode.IMAGE, ratio="auto", images=(PICTURE,)),
            {"prompt": "a calm sea", "resolution": "480p", "duration": 2, "image_url": PNG},
            50_000,
        ),
    ],
    ids=lambda value: value.endpoint if isinstance(value, base.Order) else "",
)
async def test_every_grok_endpoint_gets_its_own_words(
    bench: Bench, given: Order, body: dict[str, Any], cost: int
) -> None:
    async with bench.provider() as fal:
        operation = await fal.submit(given)
        result = await fal.poll(operation)
    [paid] = bench.ledger.paid()
    assert (paid.endpoint, paid.body, paid.request_id) == (given.endpoint, body, operation["id"])
    assert isinstance(result, Succeeded)
    assert result.url is not None
    assert result.url.startswith(bench.url)
    assert result.cost == cost == paid.charged


async def test_a_job_waits_runs_and_completes() -> None:
    fake = FakeFal(Settings(queue=3, run=10), Clock(held=True))
    with run(fake.app) as url:
        async with Bench(fake, url).provider(clock=fake.clock.now) as fal:
            operation = await fal.submit(ORDER)
            assert await fal.poll(operation) == Pending(queue_position=2)
            fake.clock.advance(3.5)
            assert await fal.poll(operation) == Pending()
            fake.clock.advance(10)
            assert isinstance(await fal.poll(operation), Succeeded)
            await fal.cancel(operation)  # ALREADY_COMPLETED
            fake.clock.advance(3601)
            with pytest.raises(Transient):
                await fal.poll(operation)
            fake.clock.advance(30)
            gone = await fal.poll(operation)
            assert isinstance(gone, base.Failed)
            assert gone.code == "media_unavailable"
            waiting = await fal.submit(ORDER)
            await fal.cancel(waiting)
            cancelled = await fal.poll(waiting)
            assert isinstance(cancelled, base.Failed)
            assert (cancelled.code, cancelled.elsewhere) == ("cancelled", False)
            await fal.cancel(fal.adopt("unknown", T2V))  # NOT_FOUND


async def test_a_cancel_that_fails_says_so(bench: Bench) -> None:
    async with bench.provider() as fal:
        operation = await fal.submit(ORDER)
        bench.fake.rules.add(Rule(on="cancel", do=do.html(502)))
        with pytest.raises(Transient):
            await fal.cancel(operation)


async def test_an_adopted_job_is_polled_like_any_other(bench: Bench) -> None:
    async with bench.provider(clock=lambda: 7.0) as fal:
        operation = await fal.submit(ORDER)
        assert fal.adopt(str(operation["id"]), T2V) == operation
        assert isinstance(await fal.poll(operation), Succeeded)


async def test_the_unit_price_is_asked_for_once_a_day(bench: Bench) -> None:
    now = [1e9]
    async with bench.provider(clock=lambda: now[0]) as fal:
        for _ in range(3):
            await fal.poll(await fal.submit(ORDER))
        assert bench.ledger.arrivals["other"] == 1
        now[0] += 24 * 3600
        await fal.poll(await fal.submit(ORDER))
        assert bench.ledger.arrivals["other"] == 2


@pytest.mark.parametrize(
    ("trouble", "known", "cost"),
    [
        (do.html(503), {T2V: 0.05}, 100_000),
        (do.html(503), {}, None),
        (do.answer(200, {"prices": [{"endpoint_id": "other", "unit_price": 9}]}), {T2V: 0.05}, 100_000),
        (do.answer(200, {"prices": [{"endpoint_id": T2V, "unit_price": "9"}]}), {}, None),
        (do.answer(200, {"prices": [7]}), {}, None),
        (do.answer(200, {"prices": 7}), {}, None),
        (do.answer(200, "[NaN"), {}, None),
        (do.answer(200, {"prices": [{"endpoint_id": T2V, "unit_price": 9, "currency": "EUR"}]}), {}, None),
        (do.cut(), {T2V: 0.05}, 100_000),
        (do.answer(200, {"prices": [{"endpoint_id": T2V, "unit_price": 0.00000025}]}), {}, 1),  # half up
    ],
)
async def test_without_a_price_from_fal_the_catalogue_decides(
    bench: Bench, trouble: do.Do, known: dict[str, float], cost: int | None
) -> None:
    bench.fake.rules.add(Rule(on="other", do=trouble))
    async with bench.provider(unit_prices=known) as fal:
        result = await fal.poll(await fal.submit(ORDER))
    assert isinstance(result, Succeeded)
    assert result.cost == cost


async def test_a_check_spends_nothing(bench: Bench, unused_port: int) -> None:
    async with bench.provider() as fal:
        assert await fal.check() == "key accepted"
        bench.fake.rules.add(Rule(on="other", do=do.html(502)))
        with pytest.raises(Transient):
            await fal.check()
    async with bench.provider(key="wrong:key") as fal:
        with pytest.raises(Misconfigured, match="check FAL_KEY") as caught:
            await fal.check()
        assert "No user found" in caught.value.said
    async with bench.provider(api_url=f"http://127.0.0.1:{unused_port}") as fal:
        with pytest.raises(Transient, match="cannot reach"):
            await fal.check()
    assert bench.ledger.paid() == []


async def test_where_no_connection_is_made_the_backup_host_is_asked(
    bench: Bench, unused_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = f"http://127.0.0.1:{unused_port}"
    monkeypatch.setitem(BACKUPS, dead, bench.url)
    async with bench.provider(queue_url=dead) as fal:
        operation = await fal.submit(ORDER)
        assert str(operation["status_url"]).startswith(f"{dead}/{GROK}/requests/")
        assert isinstance(await fal.poll(operation), Succeeded)
        await fal.cancel(operation)
    assert len(bench.ledger.paid()) == 1


async def test_where_anything_was_sent_no_backup_host_is_asked(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve() as spare:
        monkeypatch.setitem(BACKUPS, bench.url, spare.url)
        bench.fake.rules.add(Rule(on="submit", do=do.accept_then(do.cut())))
        async with bench.provider() as fal:
            with pytest.raises(errors.Indeterminate):
                await fal.submit(ORDER)
            bench.fake.rules.add(Rule(on="status", do=do.cut()))
            with pytest.raises(Transient):
                await fal.poll(fal.adopt("any", T2V))
    assert not spare.ledger.arrivals
    assert len(bench.ledger.paid()) == 1


async def test_a_dead_host_without_a_backup_is_provably_unsent(bench: Bench, unused_port: int) -> None:
    async with bench.provider(queue_url=f"http://127.0.0.1:{unused_port}") as fal:
        with pytest.raises(Transient, match="cannot reach"):
            await fal.submit(ORDER)


async def test_the_default_host_has_its_documented_backup() -> None:
    assert BACKUPS == {"https://queue.fal.run": "https://queue.falrun.com"}
    fal = FalProvider("id:secret")
    assert fal.adopt("1", T2V)["status_url"] == f"https://queue.fal.run/{GROK}/requests/1/status"
    await fal.close()


async def test_an_answer_with_foreign_urls_is_used_all_the_same(bench: Bench) -> None:
    foreign = dict.fromkeys(("status_url", "response_url", "cancel_url"), "https://evil.example/x")
    bench.fake.rules.add(Rule(on="submit", do=do.answer(202, {"request_id": "r-1", **foreign})))
    async with bench.provider(clock=lambda: 7.0) as fal:
        operation = await fal.submit(ORDER)
        assert operation == fal.adopt("r-1", T2V)
        assert "evil" not in str(operation)


def test_it_is_what_an_adapter_may_be() -> None:
    for protocol in (base.PlacesInputs, base.TakesCallbacks, base.Checks, base.Cancels):
        assert issubclass(FalProvider, protocol)
    assert (FalProvider.name, FalProvider.title) == ("fal", "fal.ai")
