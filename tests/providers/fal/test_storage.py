"""Inputs for fal: passed on, embedded or uploaded, and the key stays at home."""

from __future__ import annotations

import base64
import tracemalloc
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from app.domain.catalogue import Mode
from app.providers.base import Input, Placed, Succeeded
from app.providers.errors import Misconfigured, ProviderError, Rejected, Transient, Unfit
from app.providers.fal import storage as fal_storage
from app.providers.fal.adapter import FalProvider
from app.providers.http import Http
from tests.providers.fal.bench import GROK, Bench, entry, order, picture
from tests.upstreams import behaviour as do
from tests.upstreams.behaviour import Rule
from tests.upstreams.fal_checks import EXHAUSTED
from tests.upstreams.films import film
from tests.upstreams.running import run

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request

LONG = "https://example.com/" + "a" * 2048


@pytest.mark.parametrize(
    ("url", "warned"),
    [("https://example.com/a.png", False), ("http://example.com/a.png", True), (LONG, True), ("data:,x", True)],
)
async def test_the_callers_own_address_is_passed_on(bench: Bench, url: str, warned: bool) -> None:  # noqa: FBT001 - a table
    async with bench.provider() as fal:
        placed = await fal.place_input(Input("image", url=url))
    assert placed.url == url
    assert bool(placed.warning) is warned
    assert not bench.ledger.arrivals


async def test_an_input_that_is_nowhere_is_refused(bench: Bench) -> None:
    async with bench.provider() as fal:
        with pytest.raises(Rejected):
            await fal.place_input(Input("image"))


async def test_a_small_picture_travels_in_the_request(bench: Bench, tmp_path: Path) -> None:
    file = tmp_path / "input-0"
    file.write_bytes(picture())
    async with bench.provider() as fal:
        placed = await fal.place_input(Input("image", file, url="http://10.0.0.1/a.png", content_type="image/png"))
        named = await fal.place_input(Input("image", file.rename(tmp_path / "a.webp")))
    data = base64.b64encode(picture()).decode()
    assert placed == Placed(f"data:image/png;base64,{data}")
    assert named == Placed(f"data:image/webp;base64,{data}")
    assert not bench.ledger.arrivals


@pytest.mark.parametrize("in_parts", [False, True])
async def test_a_film_is_uploaded_and_fal_reads_it(
    bench: Bench,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    in_parts: bool,  # noqa: FBT001 - a table
) -> None:
    file = tmp_path / "my holiday.mp4"
    file.write_bytes(film(320, 240, 49))
    if in_parts:
        monkeypatch.setattr(fal_storage, "LARGE", 1000)
        monkeypatch.setattr(fal_storage, "PART", 1500)
    async with bench.provider() as fal:
        placed = await fal.place_input(Input("video", file, content_type="video/mp4"))
        assert bench.fake.storage.files[urlsplit(placed.url).path] == file.read_bytes()
        assert "holiday" not in placed.url
        edit = order(
            endpoint=f"{GROK}/edit-video",
            mode=Mode.EDIT,
            ratio="auto",
            seconds=None,
            video=Input("video", url=placed.url),
        )
        assert isinstance(await fal.poll(await fal.submit(edit)), Succeeded)


@pytest.mark.parametrize("size", [60_000_000, fal_storage.LARGE + 1])
async def test_a_large_film_is_never_held_in_memory(tmp_path: Path, size: int) -> None:
    file = tmp_path / "large.mp4"
    with file.open("wb") as sparse:
        sparse.truncate(size)
    lengths: list[int] = []

    async def begin(request: Request) -> JSONResponse:
        return JSONResponse({"file_url": f"{request.base_url}f", "upload_url": f"{request.base_url}f"})

    async def take(request: Request) -> JSONResponse:
        taken = [len(chunk) async for chunk in request.stream()]
        assert sum(taken) == int(request.headers["content-length"])
        lengths.append(sum(taken))
        return JSONResponse({"etag": "x"})

    begins = [Route(f"/storage/upload/{call}", begin, methods=["POST"]) for call in ("initiate", "initiate-multipart")]
    takes = [Route("/f", take, methods=["PUT"]), Route("/f/{part}", take, methods=["PUT"])]
    ends = [Route("/f/complete", begin, methods=["POST"])]
    with run(Starlette(routes=[*begins, *ends, *takes])) as url:
        fal = FalProvider("id:secret", queue_url=url, rest_url=url, api_url=url)
        tracemalloc.start()
        try:
            await fal.place_input(Input("video", file, content_type="video/mp4"))
            _now, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
            await fal.close()
    assert sum(lengths) == size
    assert peak < 8 << 20


async def test_a_large_picture_without_a_type_is_uploaded(bench: Bench, tmp_path: Path) -> None:
    file = tmp_path / "input-0"
    file.write_bytes(picture(200, 200, noise=True))
    async with bench.provider() as fal:
        placed = await fal.place_input(Input("image", file))
    assert bench.fake.storage.files[urlsplit(placed.url).path] == file.read_bytes()


OK = "https://v3b.fal.media/files/b/1/x.mp4"


@pytest.mark.parametrize(
    ("what", "skip", "error"),
    [
        (do.answer(403, {"detail": EXHAUSTED}), 0, Misconfigured),
        (do.html(502), 0, Transient),
        (do.answer(429, {"detail": "slow"}), 0, Transient),
        (do.garbage(), 0, Transient),
        (do.cut(), 0, Transient),
        (do.answer(200, {"file_url": OK}), 0, Transient),
        (do.answer(200, {"file_url": OK, "upload_url": "http://v3b.fal.media/x"}), 0, Transient),
        (do.answer(200, {"file_url": "file:///x", "upload_url": OK}), 0, Transient),
        (do.answer(413, {"detail": "File too large"}), 0, Unfit),
        (do.answer(422, {"detail": [entry("value_error", "unsupported", "content_type")]}), 0, Unfit),
        (do.answer(408, {"detail": "timeout"}), 0, Transient),
        (do.html(413), 0, Transient),
        (do.answer(413, {"detail": "File too large"}), 1, Unfit),
        (do.html(403), 1, Transient),
        (do.html(429), 1, Transient),
        (do.answer(307, None, {"location": "http://10.0.0.1/"}), 1, Transient),
        (do.cut(reset=True), 1, Transient),
    ],
)
async def test_an_upload_that_fails(
    bench: Bench, tmp_path: Path, what: do.Do, skip: int, error: type[ProviderError]
) -> None:
    file = tmp_path / "a.mp4"
    file.write_bytes(b"not looked at")
    bench.fake.rules.add(Rule(on="upload", do=what, skip=skip))
    item: Any = Input("video", file, content_type="video/mp4")
    async with bench.provider() as fal:
        with pytest.raises(error) as caught:
            await fal.place_input(item)
    assert type(caught.value) is error
    assert caught.value.busy is (what.status == 429)


@pytest.mark.parametrize(
    "where",
    [
        "https://127.0.0.1:{port}/latest",
        "https://localhost:{port}/latest",
        "https://[::1]:{port}/latest",
        "https://fal.media@127.0.0.1:{port}/latest",
        "https://evil.fal.media:{port}/latest",
        "https://notfal.media/latest",
        "https://fal.media.example.com/latest",
        "https://169.254.169.254/latest",
        "https://[::1/latest",
    ],
)
async def test_a_file_goes_to_nobody_but_fal(bench: Bench, tmp_path: Path, unused_port: int, where: str) -> None:
    file = tmp_path / "a.mp4"
    file.write_bytes(b"secret")
    bench.fake.rules.add(
        Rule(on="upload", do=do.answer(200, {"file_url": OK, "upload_url": where.format(port=unused_port)}))
    )
    async with bench.provider() as fal:
        with pytest.raises(Transient, match="not its own"):
            await fal.place_input(Input("video", file, content_type="video/mp4"))


@pytest.mark.parametrize("where", [OK, "https://fal.media/x", "https://rest.fal.ai:443/x", "https://queue.fal.run/x"])
def test_a_file_may_go_to_every_host_of_fals(where: str) -> None:
    storage = fal_storage.Storage(Http(("https://rest.fal.ai",), {}), "https://rest.fal.ai")
    assert storage._is_safe(where)  # noqa: SLF001 - nothing listens there
