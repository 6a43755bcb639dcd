"""Complaints 17 to 21 about other gateways: downloads that fail, leak a key, or ignore what was asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from openai import OpenAI

from tests.pitfalls.bench import MODEL, REAL
from tests.serving import serve
from tests.upstreams.behaviour import Rule, answer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.pitfalls.bench import Bench
    from tests.serving import Running

ADMIN_KEY = "an-admin-key-of-the-pitfall-tests"


def test_content_is_served_by_the_next_process_when_the_provider_has_forgotten_it(bench: Bench, tmp_path: Path) -> None:
    """Complaint 17: the status works, the download does not; after an upgrade the artifact is gone."""
    with serve(bench.settings(tmp_path)) as before:
        video_id = before.finished(model=f"fal/{MODEL}")["id"]
        content = before.http.get(f"/v1/videos/{video_id}/content").content
    bench.fal.jobs.clear()
    bench.reset()
    with serve(bench.settings(tmp_path)) as after:
        assert after.http.get(f"/v1/videos/{video_id}/content").content == content
    assert bench.heard["fal"].requests == []


@pytest.mark.parametrize("provider", REAL)
def test_content_needs_the_gateways_key_and_no_other(
    bench: Bench, another: Callable[..., Running], provider: str
) -> None:
    """Complaint 18: the download needs the provider's key, or 401 comes for `…/content?index=0`."""
    gateway = another(admin_key=ADMIN_KEY)
    gateway.http.headers["authorization"] = f"Bearer {ADMIN_KEY}"
    video = gateway.finished(model=f"{provider}/{MODEL}")
    path = f"/v1/videos/{video['id']}/content"
    assert gateway.http.get(path, params={"index": 0}).content[4:8] == b"ftyp"
    gateway.http.headers.pop("authorization")
    assert gateway.http.get(path).status_code == 401
    assert gateway.http.get(video["url"]).content[4:8] == b"ftyp"
    assert bench.ledger(provider).leaks == []


@pytest.mark.parametrize("provider", REAL)
def test_the_providers_key_never_goes_to_where_the_film_is(bench: Bench, provider: str) -> None:
    """Complaint 19: the key goes to a CDN, or along with a redirect."""
    other = "xai" if provider != "xai" else "fal"
    place = bench.environment["REELGATE_XAI_URL" if other == "xai" else "REELGATE_FAL_QUEUE_URL"].removesuffix("/v1")
    elsewhere = answer(302, None, {"location": f"{place}/elsewhere.mp4"})
    bench.rules(provider).add(Rule(on="media", do=elsewhere))
    bench.main.finished(model=f"{provider}/{MODEL}")  # the first download is led astray, the second one works
    followed = [headers for _, target, headers in bench.heard[other].requests if target == "/elsewhere.mp4"]
    assert len(followed) == 1
    for headers in (*followed, *(h for _, target, h in bench.heard[provider].requests if target.endswith(".mp4"))):
        assert "authorization" not in headers
    assert bench.ledger(provider).leaks == []
    assert len(bench.paid()) == 1


def test_ranges_head_and_variants_are_what_they_are_called(bench: Bench) -> None:
    """Complaint 20: a range gives the whole file, HEAD is 405, a thumbnail is the film."""
    video = bench.main.finished(model=f"fal/{MODEL}")
    path = f"/v1/videos/{video['id']}/content"
    whole = bench.main.http.get(path)
    part = bench.main.http.get(path, headers={"range": "bytes=0-99"})
    assert (part.status_code, part.content) == (206, whole.content[:100])
    assert part.headers["content-range"] == f"bytes 0-99/{len(whole.content)}"
    head = bench.main.http.head(path)
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(whole.content)))
    assert whole.headers["cache-control"].startswith("private")
    assert bench.main.http.get(path, params={"variant": "thumbnail"}).content[8:12] == b"WEBP"
    refused = bench.main.http.get(path, params={"variant": "poster"})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "variant")


@pytest.mark.filterwarnings("ignore:The Sora API is scheduled:DeprecationWarning")
def test_old_and_new_clients_download_from_the_same_route(bench: Bench) -> None:
    """Complaint 21: an SDK renames its method, and clients break after they paid; tests/sdk runs the oldest SDK."""
    video = bench.main.finished(model=f"xai/{MODEL}")
    plain = bench.main.http.get(f"/v1/videos/{video['id']}/content").content
    with OpenAI(base_url=f"{bench.main.url}/v1", api_key="none") as client:
        assert client.videos.download_content(video["id"]).read() == plain
        assert client.get(f"/videos/{video['id']}/content", cast_to=bytes) is not None
    assert bench.main.http.get(f"/openai/v1/videos/{video['id']}/content").content == plain
