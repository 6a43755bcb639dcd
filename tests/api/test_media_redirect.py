"""REELGATE_MEDIA_REDIRECT: clients get content from the bucket itself, once they were let in."""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from PIL import Image
from typer.testing import CliRunner

from app.cli import cli
from tests.bucket import PREFIX, SECRET, Bucket, Fault
from tests.serving import Running, serve, settings_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ADMIN_KEY = "an-admin-key-of-the-redirect-tests"
ADMIN = {"authorization": f"Bearer {ADMIN_KEY}"}


@pytest.fixture
def gateway(bucket: Bucket, start_gateway: Callable[..., Running]) -> Running:
    """Serve with keys required; its `http` has one, and follows nobody by itself."""
    running = start_gateway(media_url=bucket.url, media_redirect=True, admin_key=ADMIN_KEY)
    running.http.headers.update(ADMIN)
    return running


@pytest.fixture
def stranger() -> Iterator[httpx.Client]:
    """Give a client of the bucket that has no key at all."""
    with httpx.Client(trust_env=False, timeout=60) as http:
        yield http


def sent_to(answer: httpx.Response) -> httpx.URL:
    assert answer.status_code == 307, answer.text
    assert (answer.headers["cache-control"], answer.content) == ("no-store", b"")
    return httpx.URL(answer.headers["location"])


def test_content_comes_from_the_bucket_whole_in_ranges_and_by_head(
    gateway: Running, bucket: Bucket, stranger: httpx.Client
) -> None:
    video = gateway.finished()
    url = f"/v1/videos/{video['id']}/content"
    link = sent_to(gateway.http.get(url))
    assert str(link).startswith(f"{bucket.endpoint}/{bucket.name}/{PREFIX}/videos/{video['id']}/0/")
    assert link.params["X-Amz-Expires"] == "600"
    assert SECRET not in str(link)

    whole = stranger.get(link)
    assert (whole.status_code, len(whole.content)) == (200, video["output"]["size_bytes"])
    assert {name: whole.headers[name] for name in ("content-type", "content-disposition", "cache-control")} == {
        "content-type": "video/mp4",
        "content-disposition": f'inline; filename="{video["id"]}-0.mp4"',
        "cache-control": "private, max-age=3600",
    }
    part = gateway.http.get(url, headers={"range": "bytes=100-199"}, follow_redirects=True)
    assert (part.status_code, part.content) == (206, whole.content[100:200])
    tail = gateway.http.get(url, headers={"range": "bytes=-7"}, follow_redirects=True)
    assert (tail.status_code, tail.content) == (206, whole.content[-7:])
    head = gateway.http.head(url, follow_redirects=True)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(whole.content))
    assert head.headers["etag"] == whole.headers["etag"]
    assert bucket.direct == [None] * 4


@pytest.mark.parametrize(
    ("variant", "kind", "content_type", "ending"),
    [("thumbnail", "WEBP", "image/webp", "webp"), ("spritesheet", "JPEG", "image/jpeg", "jpg")],
)
def test_pictures_come_from_the_bucket_under_their_own_names_and_types(
    gateway: Running, variant: str, kind: str, content_type: str, ending: str
) -> None:
    video = gateway.finished()
    picture = gateway.http.get(f"{video['url']}&variant={variant}", follow_redirects=True)
    assert Image.open(io.BytesIO(picture.content)).format == kind
    assert picture.headers["content-type"] == content_type
    assert picture.headers["content-disposition"] == f'inline; filename="{video["id"]}-0.{ending}"'


def test_nobody_is_sent_to_the_bucket_who_may_not_have_the_video(
    gateway: Running, bucket: Bucket, stranger: httpx.Client
) -> None:
    video = gateway.finished()
    url = f"{gateway.url}/v1/videos/{video['id']}/content"
    assert stranger.get(url).status_code == 401
    assert stranger.get(video["url"].replace("signature=", "signature=0")).status_code == 401
    other = gateway.http.post("/v1/keys", json={"name": "other"}).json()["key"]
    assert stranger.get(url, headers={"authorization": f"Bearer {other}"}).status_code == 404
    assert gateway.http.get(f"{url}?index=7").status_code == 404
    assert sent_to(stranger.get(video["url"])).host == "127.0.0.1"
    gateway.http.delete(f"/v1/videos/{video['id']}")
    assert stranger.get(video["url"]).status_code == 404
    assert bucket.direct == []


def test_a_link_into_the_bucket_dies_with_what_it_was_given_for(bucket: Bucket, tmp_path: Path) -> None:
    ahead = [0.0]
    settings = settings_for(tmp_path, media_url=bucket.url, media_redirect=True, retention_days=0.5)
    with serve(settings, lambda: time.time() + ahead[0]) as gateway:
        video = gateway.finished()
        url = f"/v1/videos/{video['id']}/content"
        assert sent_to(gateway.http.get(url)).params["X-Amz-Expires"] == "600"
        ahead[0] = video["expires_at"] - time.time() - 200
        assert 100 < int(sent_to(gateway.http.get(url)).params["X-Amz-Expires"]) < 201


def test_a_signed_link_lends_the_bucket_no_longer_than_it_lasts(bucket: Bucket, tmp_path: Path) -> None:
    ahead = [0.0]
    with serve(
        settings_for(tmp_path, media_url=bucket.url, media_redirect=True), lambda: time.time() + ahead[0]
    ) as gateway:
        video = gateway.finished()
        ahead[0] = int(httpx.URL(video["url"]).params["expires"]) - time.time() - 200
        assert 100 < int(sent_to(gateway.http.get(video["url"])).params["X-Amz-Expires"]) < 201


def test_what_is_gone_or_cannot_be_reached_is_told_by_the_gateway(gateway: Running, bucket: Bucket) -> None:
    video: dict[str, Any] = gateway.finished()
    url = f"/v1/videos/{video['id']}/content"
    assert gateway.http.get(url, params={"variant": "thumbnail"}).status_code == 307  # drawn after the end
    (key,) = [key for key in bucket.stored() if key.endswith("thumbnail.webp")]
    bucket.http.delete(f"/{bucket.name}/{key}").raise_for_status()
    gone = gateway.http.get(url, params={"variant": "thumbnail"})
    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "video_not_found")
    bucket.fault = Fault.DENIES
    failing = gateway.http.get(url)
    assert (failing.status_code, failing.json()["error"]["code"]) == (503, "storage_unavailable")


def test_generate_fetches_from_the_bucket_and_keeps_its_key_to_itself(
    gateway: Running, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REELGATE_ADMIN_KEY", ADMIN_KEY)
    target = tmp_path / "boat.mp4"
    options = ["--base-url", gateway.url, "--seconds", "1", "--resolution", "480p"]
    done = CliRunner().invoke(cli, ["generate", "a boat", "-o", str(target), *options])
    assert done.exit_code == 0, done.output
    assert target.read_bytes()[4:8] == b"ftyp"
    assert bucket.direct == [None]
