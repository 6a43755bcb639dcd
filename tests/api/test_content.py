"""/videos/{id}/content: what browsers, players and download tools do with it."""

from __future__ import annotations

import asyncio
import io
import itertools
import re
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import av
import httpx
import pytest
from PIL import Image

from app.media import probe
from app.media.errors import MediaError
from app.media.fetch import Fetcher
from tests.serving import serve, settings_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.serving import Running

ADMIN_KEY = "an-admin-key-of-the-content-tests"
ADMIN = {"authorization": f"Bearer {ADMIN_KEY}"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Serve with keys required; its `http` carries none, as a browser does not."""
    with serve(settings_for(tmp_path_factory.mktemp("content"), admin_key=ADMIN_KEY)) as running:
        yield running


@pytest.fixture(scope="module")
def video(guarded: Running) -> dict[str, Any]:
    """Return a finished video of two outputs."""
    guarded.http.headers.update(ADMIN)
    made = guarded.finished(n=2)
    del guarded.http.headers["authorization"]
    return made


@pytest.fixture(scope="module")
def whole(guarded: Running, video: dict[str, Any]) -> bytes:
    return guarded.http.get(video["url"]).content


def error_of(answer: httpx.Response) -> tuple[int, str]:
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"]
    return answer.status_code, error["code"]


def altered(url: str, **changes: str) -> str:
    return str(httpx.URL(url).copy_merge_params(changes))


def test_the_video_is_an_mp4_that_decodes_to_what_the_object_says(video: dict[str, Any], whole: bytes) -> None:
    with av.open(io.BytesIO(whole), "r") as container:
        frames = list(container.decode(video=0))
        assert container.streams.audio
    facts = video["output"]
    assert (len(frames), frames[0].width, frames[0].height) == (facts["num_frames"], 854, 480)
    assert (len(whole), facts["content_type"]) == (facts["size_bytes"], "video/mp4")


@pytest.mark.parametrize(
    ("variant", "kind", "content_type"), [("thumbnail", "WEBP", "image/webp"), ("spritesheet", "JPEG", "image/jpeg")]
)
def test_pictures_of_the_video_have_the_kind_they_claim(
    guarded: Running, video: dict[str, Any], variant: str, kind: str, content_type: str
) -> None:
    answer = guarded.http.get(altered(video["url"], variant=variant))
    assert (answer.status_code, answer.headers["content-type"]) == (200, content_type)
    with Image.open(io.BytesIO(answer.content), formats=[kind]) as picture:
        picture.load()
        assert picture.width > picture.height


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-99", 0, 100),
        ("bytes=1000-1999", 1000, 2000),
        ("bytes=-500", -500, None),
        ("bytes=5000-", 5000, None),
        ("bytes=5000-999999999", 5000, None),
        ("bytes=-999999999", 0, None),
        ("Bytes=0-1", 0, 2),
        ("BYTES=-500", -500, None),
        ("bytes=0000000000000000000000010-11", 10, 12),
        ("bytes=5000-99999999999999999999", 5000, None),
    ],
)
def test_a_range_is_answered_with_just_those_bytes(
    guarded: Running, video: dict[str, Any], whole: bytes, asked: str, start: int, end: int | None
) -> None:
    answer = guarded.http.get(video["url"], headers={"range": asked})
    assert answer.status_code == 206
    assert answer.content == whole[start:end]
    first = start % len(whole)
    span = f"bytes {first}-{first + len(answer.content) - 1}/{len(whole)}"
    assert answer.headers["content-range"] == span
    assert answer.headers["content-length"] == str(len(answer.content))


@pytest.mark.parametrize("asked", ["bytes=999999999-", "bytes=-0"])
def test_a_range_outside_the_file_is_refused_with_its_length(
    guarded: Running, video: dict[str, Any], whole: bytes, asked: str
) -> None:
    answer = guarded.http.get(video["url"], headers={"range": asked})
    assert error_of(answer) == (416, "range_not_satisfiable")
    assert answer.headers["content-range"] == f"bytes */{len(whole)}"


@pytest.mark.parametrize("asked", ["bytes=0-1,5-9", "bytes=9-5", "bytes=-", "lines=0-9", "bytes=a-b"])
def test_a_range_of_another_kind_means_the_whole_file(
    guarded: Running, video: dict[str, Any], whole: bytes, asked: str
) -> None:
    answer = guarded.http.get(video["url"], headers={"range": asked})
    assert (answer.status_code, answer.content) == (200, whole)
    assert "content-range" not in answer.headers


def test_if_range_resumes_only_the_same_file(guarded: Running, video: dict[str, Any], whole: bytes) -> None:
    etag = guarded.http.head(video["url"]).headers["etag"]
    part = {"range": "bytes=10-19"}
    assert guarded.http.get(video["url"], headers={**part, "if-range": etag}).content == whole[10:20]
    other = guarded.http.get(video["url"], headers={**part, "if-range": '"another"'})
    assert (other.status_code, other.content) == (200, whole)


def test_each_variant_of_each_output_has_an_etag_of_its_own(guarded: Running, video: dict[str, Any]) -> None:
    urls = [altered(out["url"], variant=name) for out in video["outputs"] for name in ("video", "thumbnail")]
    etags = [guarded.http.head(url).headers["etag"] for url in urls]
    assert len(set(etags)) == 4
    assert all(re.fullmatch(r'"[^"]+"', etag) for etag in etags)


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
def test_a_file_the_client_has_is_not_sent_again(guarded: Running, video: dict[str, Any], form: str) -> None:
    etag = guarded.http.head(video["url"]).headers["etag"]
    answer = guarded.http.get(video["url"], headers={"if-none-match": form.format(etag)})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == etag


def test_a_file_the_client_has_is_found_in_any_of_several_headers(guarded: Running, video: dict[str, Any]) -> None:
    etag = guarded.http.head(video["url"]).headers["etag"]
    several = [("if-none-match", '"other"'), ("if-none-match", etag)]
    assert guarded.http.get(video["url"], headers=several).status_code == 304


@pytest.mark.parametrize("form", ['"other"', "x{}-y", "{}x", "w/{}", '"x", *'])
def test_a_file_the_client_has_not_is_sent(guarded: Running, video: dict[str, Any], whole: bytes, form: str) -> None:
    etag = guarded.http.head(video["url"]).headers["etag"]
    answer = guarded.http.get(video["url"], headers={"if-none-match": form.format(etag)})
    assert (answer.status_code, answer.content) == (200, whole)


def test_head_tells_of_the_file_without_sending_it(guarded: Running, video: dict[str, Any], whole: bytes) -> None:
    answer = guarded.http.head(video["url"])
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(whole))
    assert (answer.headers["content-type"], answer.headers["accept-ranges"]) == ("video/mp4", "bytes")


def test_a_browser_cannot_be_made_to_run_what_is_downloaded(guarded: Running, video: dict[str, Any]) -> None:
    headers = guarded.http.get(altered(video["url"], variant="thumbnail")).headers
    assert headers["x-content-type-options"] == "nosniff"
    policy = headers["content-security-policy"].split()
    assert policy[0] == "sandbox"
    assert "allow-scripts" not in policy
    assert headers["content-disposition"] == f'inline; filename="{video["id"]}-0.webp"'
    assert headers["cache-control"].startswith("private")


def test_every_output_has_its_own_file(guarded: Running, video: dict[str, Any], whole: bytes) -> None:
    second = guarded.http.get(f"/v1/videos/{video['id']}/content", params={"index": 1}, headers=ADMIN)
    assert second.content == guarded.http.get(video["outputs"][1]["url"]).content
    assert second.content != whole
    missing = guarded.http.get(f"/v1/videos/{video['id']}/content", params={"index": 2}, headers=ADMIN)
    assert error_of(missing) == (404, "video_not_found")


@pytest.mark.parametrize("query", ["variant=gif", "index=-1", "index=one"])
def test_unknown_variants_and_indexes_are_refused(guarded: Running, video: dict[str, Any], query: str) -> None:
    answer = guarded.http.get(f"/v1/videos/{video['id']}/content?{query}", headers=ADMIN)
    assert error_of(answer) == (400, "invalid_value")
    assert answer.json()["error"]["param"] == query.partition("=")[0]


def test_without_link_or_key_nothing_is_served(guarded: Running, video: dict[str, Any], whole: bytes) -> None:
    path = f"/v1/videos/{video['id']}/content"
    assert error_of(guarded.http.get(path)) == (401, "missing_api_key")
    assert guarded.http.get(path, headers=ADMIN).content == whole
    assert guarded.http.get(video["url"]).content == whole


def test_a_link_opens_only_what_it_was_made_for(guarded: Running, video: dict[str, Any]) -> None:
    link = httpx.URL(video["url"])
    signature = link.params["signature"]
    flipped = ("0" if signature[0] != "0" else "1") + signature[1:]
    assert error_of(guarded.http.get(altered(video["url"], signature=flipped))) == (401, "invalid_api_key")
    later = str(int(link.params["expires"]) + 1)
    assert error_of(guarded.http.get(altered(video["url"], expires=later))) == (401, "invalid_api_key")
    assert error_of(guarded.http.get(altered(video["url"], index="1"))) == (401, "invalid_api_key")
    assert error_of(guarded.http.get(altered(video["url"], signature="ü"))) == (401, "invalid_api_key")
    without = str(link.copy_remove_param("expires"))
    assert error_of(guarded.http.get(without)) == (401, "invalid_api_key")


def test_a_link_to_one_video_does_not_open_another(guarded: Running, video: dict[str, Any]) -> None:
    guarded.http.headers.update(ADMIN)
    other = guarded.create()["id"]
    guarded.http.post(f"/v1/videos/{other}/cancel")
    del guarded.http.headers["authorization"]
    swapped = video["url"].replace(video["id"], other)
    assert error_of(guarded.http.get(swapped)) == (401, "invalid_api_key")


def test_a_link_ends(guarded: Running, video: dict[str, Any]) -> None:
    links = guarded.app.state.gateway.links
    expired = type(links)(links.ring, lambda: 1_000_000.0).query(video["id"], 0)
    answer = guarded.http.get(f"/v1/videos/{video['id']}/content?{expired}")
    assert error_of(answer) == (401, "invalid_api_key")
    assert "expired" in answer.json()["error"]["message"]


def test_a_video_that_is_not_finished_has_no_content_yet(gateway: Running) -> None:
    with gateway.idle():
        made = gateway.create()
        answer = gateway.http.get(f"/v1/videos/{made['id']}/content")
        assert error_of(answer) == (404, "video_not_ready")
        assert "not ready yet" in answer.json()["error"]["message"]
        gateway.http.post(f"/v1/videos/{made['id']}/cancel")
    failed = gateway.http.get(f"/v1/videos/{made['id']}/content")
    assert error_of(failed) == (404, "video_not_ready")
    assert failed.json()["error"]["message"].endswith("The video was cancelled.")


@pytest.fixture
def brush(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Let no picture be drawn before this is set."""
    allowed = threading.Event()

    async def later(*arguments: Any) -> probe.Pictures:
        while not allowed.is_set():
            await asyncio.sleep(0.01)
        return await probe.make_pictures(*arguments)

    monkeypatch.setattr("app.services.drawing.make_pictures", later)
    return allowed


@pytest.mark.parametrize("variant", ["thumbnail", "spritesheet"])
def test_a_picture_that_is_not_drawn_yet_is_waited_for(
    start_gateway: Callable[..., Running], brush: threading.Event, variant: str
) -> None:
    gateway = start_gateway()
    made = gateway.finished()
    assert gateway.http.get(made["url"]).status_code == 200
    with ThreadPoolExecutor() as pool:
        picture = pool.submit(httpx.get, altered(made["url"], variant=variant), timeout=60)
        while not gateway.app.state.gateway.feed.waiting:
            assert not picture.done()
            time.sleep(0.01)
        brush.set()
        answer = picture.result()
    assert answer.status_code == 200
    Image.open(io.BytesIO(answer.content)).load()


@pytest.mark.usefixtures("brush")
def test_a_picture_that_takes_too_long_is_asked_for_again(
    start_gateway: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.api.content._DRAWING_SECONDS", 0.1)
    gateway = start_gateway()
    answer = gateway.http.get(altered(gateway.finished()["url"], variant="thumbnail"))
    assert error_of(answer) == (404, "video_not_ready")
    assert answer.headers["retry-after"] == "1"
    assert "ask again" in answer.json()["error"]["message"]


def test_a_delete_ends_the_wait_for_a_picture(start_gateway: Callable[..., Running], brush: threading.Event) -> None:
    gateway = start_gateway()
    made = gateway.finished()
    with ThreadPoolExecutor() as pool:
        picture = pool.submit(httpx.get, altered(made["url"], variant="thumbnail"), timeout=60)
        while not gateway.app.state.gateway.feed.waiting:
            assert not picture.done()
            time.sleep(0.01)
        gateway.http.delete(f"/v1/videos/{made['id']}")
        answer = picture.result()
    assert error_of(answer) == (404, "video_not_found")
    assert not brush.is_set()


def test_a_film_of_which_no_picture_can_be_drawn_says_so(
    start_gateway: Callable[..., Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_arguments: object) -> probe.Pictures:
        raise MediaError("invalid_video", "The video could not be decoded.")

    monkeypatch.setattr("app.services.drawing.make_pictures", fail)
    monkeypatch.setattr("app.services.drawing._RETRY_SECONDS", ())
    gateway = start_gateway()
    made = gateway.finished()
    answer = gateway.http.get(altered(made["url"], variant="thumbnail"))
    assert error_of(answer) == (404, "video_not_found")
    assert "no thumbnail" in answer.json()["error"]["message"]
    assert gateway.http.get(made["url"]).status_code == 200


def test_a_deleted_video_has_no_content_by_key_or_by_link(gateway: Running) -> None:
    made = gateway.finished()
    gateway.http.delete(f"/v1/videos/{made['id']}")
    assert error_of(gateway.http.get(made["url"])) == (404, "video_not_found")
    assert error_of(gateway.http.get(f"/v1/videos/{made['id']}/content")) == (404, "video_not_found")


class _OnceOnly(BaseHTTPRequestHandler):
    """A host that serves its picture once and has lost it afterwards."""

    picture = b""
    requests: Iterator[int]

    def do_GET(self) -> None:
        body = self.picture if next(self.requests) == 0 else b""
        self.send_response(200 if body else 404)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Stay quiet."""


@pytest.fixture
def once_only(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve a picture to the first who asks; the link counts as public, so each output fetches it for itself."""

    async def public(_fetcher: Fetcher, _url: str) -> bool:
        return True

    monkeypatch.setattr(Fetcher, "check", public)
    picture = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(picture, "PNG")
    handler = type("Handler", (_OnceOnly,), {"picture": picture.getvalue(), "requests": itertools.count()})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/red.png"
        server.shutdown()
        thread.join()


def test_an_output_that_failed_spoils_neither_the_video_nor_the_other_output(
    start_gateway: Callable[..., Running], once_only: str
) -> None:
    gateway = start_gateway(allow_private_networks="127.0.0.0/8")
    made = gateway.wait(gateway.create(n=2, image_url=once_only, aspect_ratio="1:1")["id"])
    assert (made["status"], made["progress"], made["error"]) == ("completed", 100, None)
    good, bad = sorted(made["outputs"], key=lambda output: output["status"])
    assert (good["status"], bad["status"], bad["error"]["code"]) == ("completed", "failed", "invalid_input")
    assert made["url"] == good["url"]
    content = f"/v1/videos/{made['id']}/content"
    assert gateway.http.get(content, params={"index": good["index"]}).status_code == 200
    answer = gateway.http.get(content, params={"index": bad["index"]})
    assert error_of(answer) == (404, "video_not_ready")
    assert bad["error"]["message"].rstrip(".") in answer.json()["error"]["message"]


def test_without_an_index_the_first_finished_output_is_meant(
    start_gateway: Callable[..., Running], once_only: str
) -> None:
    gateway = start_gateway(allow_private_networks="127.0.0.0/8")
    made = gateway.wait(gateway.create(n=2, image_url=once_only, aspect_ratio="1:1")["id"])
    bad = next(output["index"] for output in made["outputs"] if output["status"] == "failed")
    if bad == 1:  # which of the two gets the picture is chance; the failure belongs first
        with closing(sqlite3.connect(gateway.data_dir / "reelgate.sqlite3", timeout=60)) as database, database:
            for old, new in ((0, 5), (1, 0), (5, 1)):
                database.execute('UPDATE outputs SET "index" = ? WHERE "index" = ?', (new, old))
        again = gateway.http.get(f"/v1/videos/{made['id']}", params={"wait": 0})  # not from a snapshot
        made = again.json()
    assert [output["status"] for output in made["outputs"]] == ["failed", "completed"]
    content = f"/v1/videos/{made['id']}/content"
    whole = gateway.http.get(content)
    assert (whole.status_code, whole.content) == (200, gateway.http.get(made["url"]).content)
    assert gateway.http.head(content).headers["etag"] == whole.headers["etag"]
    assert f"{made['id']}-1.mp4" in whole.headers["content-disposition"]
    assert error_of(gateway.http.get(content, params={"index": 0})) == (404, "video_not_ready")
    assert gateway.http.post(f"/v1/videos/{made['id']}/remix", json={"prompt": "night"}).status_code == 200
    edit = {"prompt": "night", "video": {"id": made["id"], "index": 0}}
    refused = gateway.http.post("/v1/videos/edits", json=edit)
    assert error_of(refused) == (404, "video_not_ready")
    assert "no finished output 0" in refused.json()["error"]["message"]
