"""Wherever a user gives a URL, a hostile one is refused and nothing connects: seen at the sockets, not in our code."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from app.media.errors import MediaError
from app.media.fetch import Fetcher
from app.media.network import NetworkPolicy
from app.services.posting import Poster
from tests.media.site import LIMIT, Site, file_names, reply
from tests.receiver import receiving, status
from tests.security.hostile_urls import HOSTILE, NAMES, PUBLIC, answer_names, watch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.serving import Running


@pytest.fixture(autouse=True)
def _watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    answer_names(monkeypatch, NAMES)
    watch.seen.clear()
    watch.active = True
    yield
    watch.active = False


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """Serve on a loopback address that only the name opened.example was opened for."""
    site = Site()
    server = await asyncio.start_server(site.serve, "127.0.0.1", 0)
    site.port = server.sockets[0].getsockname()[1]
    yield site
    server.close()


def outside(gateway: Running) -> list[tuple[str, int]]:
    """Return the connections that were not the test's own to the gateway."""
    own = ("127.0.0.1", gateway.http.base_url.port)
    return [place for place in watch.seen if place != own]


def test_there_are_hundreds_of_them() -> None:
    assert len(set(HOSTILE)) == len(HOSTILE) >= 200


@pytest.mark.parametrize("field", ["image_url", "video"])
def test_as_an_image_or_a_video_each_is_a_400_and_nothing_connects(gateway: Running, field: str) -> None:
    taken = {}
    for url in HOSTILE:
        answer = gateway.http.post("/v1/videos", json={"prompt": "x", field: url})
        if answer.status_code != 400 or answer.json()["error"]["param"] != field:
            taken[url] = answer.text
    assert taken == {}
    assert outside(gateway) == []


def test_as_a_webhook_each_is_a_400_or_leads_nowhere_and_nothing_connects(gateway: Running) -> None:
    refused = 0
    for url in HOSTILE:
        made = gateway.http.post(
            "/v1/webhook_endpoints", json={"name": "x", "url": url, "event_types": ["video.completed"]}
        )
        once = gateway.http.post("/v1/videos", params={"dryRun": "true"}, json={"prompt": "x", "webhook_url": url})
        if made.status_code == 200:  # a name that is not found may come to exist
            gateway.http.delete(f"/v1/webhook_endpoints/{made.json()['id']}")
        else:
            assert (made.status_code, once.status_code) == (400, 400), url
            refused += 1
    assert refused > 0.9 * len(HOSTILE)
    assert outside(gateway) == []


async def test_a_download_and_a_delivery_refuse_each_again_before_they_connect(tmp_path: Path) -> None:
    fetcher, poster = Fetcher(NetworkPolicy()), Poster(NetworkPolicy())
    for url in HOSTILE:
        with pytest.raises(MediaError):
            await fetcher.fetch(url, tmp_path / "file", LIMIT)
        assert (await poster.post(url, {}, b"{}")).status is None, url
    assert watch.seen == []
    assert file_names(tmp_path) == []


async def test_a_redirect_to_any_of_them_is_not_followed(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_names(monkeypatch, {**NAMES, "opened.example": ["127.0.0.1"]})
    fetcher = Fetcher(NetworkPolicy.parse("opened.example"))
    printable = [url for url in HOSTILE if url.isascii() and url.isprintable() and "://" in url]
    assert len(printable) >= 200
    for url in printable:
        site.answers["/a"] = reply(b"", status="302 Found", Location=url)
        with pytest.raises(MediaError):
            await fetcher.fetch(site.url("/a", "opened.example"), tmp_path / "file", LIMIT)
    assert set(watch.seen) == {("127.0.0.1", site.port)}
    assert len(watch.seen) == len(site.heads) == len(printable)


def test_a_delivery_follows_no_redirect_to_any_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_names(monkeypatch, {**NAMES, "opened.example": ["127.0.0.1"]})
    printable = [url for url in HOSTILE if url.isascii() and url.isprintable()]
    with receiving() as receiver:

        async def deliver() -> None:
            poster = Poster(NetworkPolicy.parse("opened.example"))
            for url in printable:
                receiver.answer = status(307, Location=url)
                posted = await poster.post(f"http://opened.example:{receiver.port}/", {}, b"{}")
                assert not posted.arrived

        asyncio.run(deliver())
        assert set(watch.seen) == {("127.0.0.1", receiver.port)}
        assert len(watch.seen) == len(printable)


@pytest.mark.parametrize("inside", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fd00::1", "::ffff:10.0.0.1"])
async def test_a_name_that_turns_inside_after_it_was_judged_is_never_followed_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, inside: str
) -> None:
    answers = {"rebinding.example": [PUBLIC]}
    answer_names(monkeypatch, answers)
    fetcher, poster = Fetcher(NetworkPolicy()), Poster(NetworkPolicy())
    assert await fetcher.check("https://rebinding.example/")
    await poster.check("https://rebinding.example/")
    answers["rebinding.example"] = [inside]
    with pytest.raises(MediaError, match="not on the public internet"):
        await fetcher.fetch("https://rebinding.example/", tmp_path / "file", LIMIT)
    assert "not on the public internet" in str((await poster.post("https://rebinding.example/", {}, b"{}")).reason)
    assert watch.seen == []


class Turning(list[str]):
    """Answers of a name server that are public once, and inside from then on."""

    def __iter__(self) -> Iterator[str]:
        answer = list(super().__iter__())
        self[:] = ["127.0.0.1"]
        return iter(answer)


async def test_the_connection_goes_to_the_address_that_was_judged(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fetcher, poster = Fetcher(NetworkPolicy()), Poster(NetworkPolicy())
    answer_names(monkeypatch, {"rebinding.example": Turning([PUBLIC])})
    with pytest.raises(MediaError, match="cannot be reached"):  # the watch lets nothing out
        await fetcher.fetch("https://rebinding.example/", tmp_path / "file", LIMIT)
    answer_names(monkeypatch, {"rebinding.example": Turning([PUBLIC])})
    assert (await poster.post("https://rebinding.example/", {}, b"{}")).status is None
    assert watch.seen == [(PUBLIC, 443)] * 2
