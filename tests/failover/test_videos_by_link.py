"""A video behind a link is measured when it is sent: who cannot take its length is passed over, or its tail is cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from tests.failover.system import story
from tests.upstreams.films import film
from tests.upstreams.running import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

    from tests.failover.system import System


@pytest.fixture
def links(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve films: `/{frames}.mp4` at 24 frames in a second, at what passes for a public address."""

    async def check(*_: object) -> bool:
        return True

    monkeypatch.setattr("app.media.fetch.Fetcher.check", check)

    async def serve(request: Request) -> Response:
        return Response(film(64, 64, int(request.path_params["frames"])), media_type="video/mp4")

    with run(Starlette(routes=[Route("/{frames:int}.mp4", serve)])) as url:
        yield url


def ordered(system: System, path: str, **body: object) -> str:
    answered = system.gateway.http.post(f"/v1/videos{path}", json={"prompt": "a calm sea", **body})
    assert answered.status_code == 200, answered.text
    return str(answered.json()["id"])


def test_an_edit_too_long_for_the_first_provider_is_made_by_the_second(system: System, links: str) -> None:
    system.start(providers=("fal", "xai"), allow_private_networks="127.0.0.1")
    video = system.wait(ordered(system, "", video_url=f"{links}/204.mp4"))
    assert story(video) == [("fal", "refused", "invalid_input"), ("xai", "completed", None)]
    assert (system.arrived("fal"), system.paid()) == (0, {"xai": 1})


def test_an_edit_too_long_for_everyone_names_what_each_would_take(system: System, links: str) -> None:
    system.start(providers=("fal", "xai"), allow_private_networks="127.0.0.1")
    video = system.wait(ordered(system, "", video_url=f"{links}/240.mp4"))
    assert (video["status"], video["error"]["code"]) == ("failed", "invalid_input")
    assert "fal: the input video lasts 10.0 s; 0 to 8 s" in video["error"]["message"]
    assert "xai: the input video lasts 10.0 s; 0 to 8.7 s" in video["error"]["message"]
    assert system.paid() == {}


@pytest.mark.parametrize(("strict", "made"), [(False, True), (True, False)])
def test_an_extension_gets_the_tail_that_still_fits_unless_another_is_insisted_on(
    system: System, links: str, *, strict: bool, made: bool
) -> None:
    system.start(providers=("xai",), allow_private_networks="127.0.0.1")
    asked = {"video": {"url": f"{links}/240.mp4"}, "seconds": 8, "strict": strict}
    video = system.wait(ordered(system, "/extensions", **asked))
    if not made:
        assert (video["error"]["code"], system.paid()) == ("invalid_input", {})
        return
    assert video["status"] == "completed"
    assert system.only_paid("xai").body["duration"] == 5
    assert ("seconds", "8", "5") in {(each["param"], each["requested"], each["used"]) for each in video["warnings"]}
