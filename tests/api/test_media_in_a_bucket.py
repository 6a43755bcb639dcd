"""A gateway whose media lies in an S3 bucket, and what it does while the bucket fails."""

from __future__ import annotations

import io
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from fastapi import FastAPI
from PIL import Image

from app.media.bucket import RETRIES
from tests.api.creating import picture
from tests.bucket import PREFIX, SECRET, Bucket, Fault
from tests.cli.processes import served
from tests.serving import Running

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def gateway(bucket: Bucket, start_gateway: Callable[..., Running], monkeypatch: pytest.MonkeyPatch) -> Running:
    monkeypatch.setitem(RETRIES, "max_retries", 0)
    monkeypatch.setattr("app.services.engine._STORE_SECONDS", 0.1)
    return start_gateway(media_url=bucket.url)


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def error_of(answer: httpx.Response) -> tuple[int, str, str]:
    error = answer.json()["error"]
    return answer.status_code, error["type"], error["code"]


def test_a_video_lives_in_the_bucket_from_its_creation_to_its_deletion(gateway: Running, bucket: Bucket) -> None:
    upload = gateway.http.post("/v1/files", files={"file": ("a.png", picture())}).json()
    video = gateway.finished(input_reference={"file_id": upload["id"]})
    assert not list((gateway.data_dir / "media").glob("**/*"))
    assert all(key.startswith(f"{PREFIX}/") for key in bucket.stored())
    url = f"/v1/videos/{video['id']}/content"

    whole = gateway.http.get(url)
    assert whole.status_code == 200
    assert len(whole.content) == video["output"]["size_bytes"]
    assert gateway.http.get(video["url"]).content == whole.content

    head = gateway.http.head(url)
    assert head.content == b""
    assert {name: head.headers[name] for name in ("etag", "content-length", "content-type", "last-modified")} == {
        name: whole.headers[name] for name in ("etag", "content-length", "content-type", "last-modified")
    }
    assert gateway.http.get(url, headers={"if-none-match": head.headers["etag"]}).status_code == 304

    part = gateway.http.get(url, headers={"range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, whole.content[100:200])
    tail = gateway.http.get(url, headers={"range": "bytes=-7"})
    assert (tail.status_code, tail.content) == (206, whole.content[-7:])
    assert gateway.http.get(url, headers={"range": "bytes=999999999-"}).status_code == 416

    thumbnail = gateway.http.get(url, params={"variant": "thumbnail"})
    assert Image.open(io.BytesIO(thumbnail.content)).format == "WEBP"

    assert gateway.http.delete(f"/v1/videos/{video['id']}").json()["deleted"]
    assert gateway.http.delete(f"/v1/files/{upload['id']}").json()["deleted"]
    wait_for(lambda: not bucket.stored())


def test_an_edit_reads_its_video_from_the_bucket(gateway: Running) -> None:
    first = gateway.finished()
    edit = gateway.http.post("/v1/videos/edits", json={"prompt": "at night", "video": {"id": first["id"]}}).json()
    assert gateway.wait(edit["id"])["status"] == "completed"


def test_a_character_is_kept_in_the_bucket(gateway: Running, bucket: Bucket) -> None:
    film = gateway.http.get(f"/v1/videos/{gateway.finished()['id']}/content").content
    character = gateway.http.post(
        "/v1/videos/characters", data={"name": "Ada"}, files={"video": ("a.mp4", film)}
    ).json()
    assert any(character["id"] in key for key in bucket.stored())
    assert gateway.finished(prompt="Ada waves", characters=[{"id": character["id"]}])["status"] == "completed"


@pytest.mark.parametrize("fault", [Fault.BROKEN, Fault.DENIES])
def test_a_result_waits_for_the_bucket_however_often_it_fails(gateway: Running, bucket: Bucket, fault: Fault) -> None:
    bucket.fault = fault
    bucket.requests = 0
    video = gateway.create()
    wait_for(lambda: bucket.requests > 10)  # a result that is itself unusable fails after six
    assert gateway.http.get(f"/v1/videos/{video['id']}").json()["status"] == "in_progress"
    bucket.fault = None
    assert gateway.wait(video["id"])["status"] == "completed"
    wait_for(lambda: len(bucket.stored()) == 3)  # what an interrupted try had stored goes, too


@pytest.mark.parametrize("fault", [Fault.BROKEN, Fault.DENIES])
def test_a_request_that_needs_a_failing_bucket_is_told_to_come_again(
    gateway: Running, bucket: Bucket, fault: Fault, capfd: pytest.CaptureFixture[str]
) -> None:
    url = f"/v1/videos/{gateway.finished()['id']}/content"
    upload = gateway.http.post("/v1/files", files={"file": ("a.png", picture())}).json()["id"]
    bucket.fault = fault
    body: dict[str, Any] = {"prompt": "x", "input_reference": {"file_id": upload}}
    asked: dict[str, Callable[[], httpx.Response]] = {
        "content": lambda: gateway.http.get(url),
        "range": lambda: gateway.http.get(url, headers={"range": "bytes=0-9"}),
        "upload": lambda: gateway.http.post("/v1/files", files={"file": ("b.png", picture())}),
        "create": lambda: gateway.http.post("/v1/videos", json=body),
        "delete": lambda: gateway.http.delete(f"/v1/files/{upload}"),
    }
    assert {name: error_of(ask()) for name, ask in asked.items()} == dict.fromkeys(
        asked, (503, "server_error", "storage_unavailable")
    )
    head = gateway.http.head(url)
    assert (head.status_code, head.headers["retry-after"]) == (503, "5")
    bucket.fault = None
    assert {name: ask().status_code for name, ask in asked.items()} == {**dict.fromkeys(asked, 200), "range": 206}
    logged = capfd.readouterr().err
    assert "the media store fails" in logged
    assert SECRET not in logged


def test_content_that_breaks_off_in_the_bucket_breaks_off_for_the_client(gateway: Running, bucket: Bucket) -> None:
    url = f"/v1/videos/{gateway.finished()['id']}/content"
    bucket.fault = Fault.CUTS
    with pytest.raises(httpx.RemoteProtocolError):
        gateway.http.get(url)


@pytest.mark.thorough
def test_the_memory_of_the_gateway_does_not_grow_with_what_it_sends(bucket: Bucket, tmp_path: Path) -> None:
    with (
        served(tmp_path, REELGATE_MEDIA_URL=bucket.url, **bucket.environment) as process,
        httpx.Client(base_url=process.url, timeout=60, trust_env=False) as http,
    ):
        gateway = Running(process.url, http, FastAPI(), tmp_path)
        video = gateway.finished()
        (key,) = [key for key in bucket.stored() if key.endswith("video.mp4")]
        bucket.put(key, os.urandom(200 << 20))
        before = peak_memory(process.process.pid)
        with http.stream("GET", video["url"]) as answer:
            assert sum(map(len, answer.iter_raw())) == 200 << 20
        assert peak_memory(process.process.pid) - before < 64 << 20


def peak_memory(process: int) -> int:
    """Return the most memory that a process ever had, in bytes."""
    found = re.search(r"VmHWM:\s+([0-9]+) kB", Path(f"/proc/{process}/status").read_text())
    assert found
    return int(found[1]) << 10
