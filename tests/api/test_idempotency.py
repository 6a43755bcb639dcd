"""One user action is never paid twice: keys, replays, and the SDKs' blind retries."""

from __future__ import annotations

import base64
import io
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from tests.serving import Running

LONG = {"prompt": "a calm sea", "seconds": 15, "resolution": "480p"}


@pytest.fixture
def key() -> str:
    """Return a key that no other test uses."""
    return secrets.token_hex(8)


@pytest.fixture(autouse=True)
def _no_renders(gateway: Running) -> Iterator[None]:
    """Cancel what a test made: nobody wants to see it."""
    yield
    for status in ("queued", "in_progress"):
        for video in gateway.http.get("/v1/videos", params={"status": status, "limit": 100}).json()["data"]:
            gateway.http.post(f"/v1/videos/{video['id']}/cancel")


def create(gateway: Running, headers: dict[str, str] | None = None, **fields: object) -> httpx.Response:
    answer = gateway.http.post("/v1/videos", json={**LONG, **fields}, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer


def is_replay(answer: httpx.Response) -> bool:
    return "idempotent-replayed" in answer.headers


def error_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_the_same_key_and_request_give_the_same_video(gateway: Running, key: str) -> None:
    header = {"idempotency-key": key}
    first, again = create(gateway, header), create(gateway, header)
    assert (is_replay(first), again.headers["idempotent-replayed"]) == (False, "true")
    assert first.json()["id"] == again.json()["id"]
    assert create(gateway).json()["id"] != first.json()["id"]


def test_the_key_may_be_quoted_or_a_field(gateway: Running, key: str) -> None:
    first = create(gateway, {"idempotency-key": key}).json()["id"]
    assert create(gateway, {"idempotency-key": f'"{key}"'}).json()["id"] == first
    assert create(gateway, idempotency_key=key).json()["id"] == first


def test_the_header_beats_the_field(gateway: Running, key: str) -> None:
    first = create(gateway, {"idempotency-key": key}, idempotency_key="another").json()["id"]
    assert create(gateway, {"idempotency-key": key}, idempotency_key="another").json()["id"] == first
    assert not is_replay(create(gateway, idempotency_key=f"another{key}"))


def test_the_same_key_with_another_request_is_refused(gateway: Running, key: str) -> None:
    create(gateway, {"idempotency-key": key})
    answer = gateway.http.post("/v1/videos", json={**LONG, "n": 2}, headers={"idempotency-key": key})
    assert error_of(answer) == (422, "idempotency_mismatch")
    edit = gateway.http.post("/v1/videos", json={**LONG, "prompt": "x"}, headers={"idempotency-key": key})
    assert error_of(edit) == (422, "idempotency_mismatch")


@pytest.mark.parametrize("bad", ["", '""', "k" * 257])
def test_a_key_has_1_to_256_characters(gateway: Running, bad: str) -> None:
    answer = gateway.http.post("/v1/videos", json=LONG, headers={"idempotency-key": bad})
    assert error_of(answer) == (400, "invalid_value")
    assert answer.json()["error"]["param"] == "Idempotency-Key"


def test_a_retried_upload_matches_by_its_content(gateway: Running, key: str) -> None:
    def send(colour: str, name: str) -> httpx.Response:
        file = io.BytesIO()
        Image.new("RGB", (64, 64), colour).save(file, "PNG")
        upload = {"input_reference": (name, file.getvalue(), "image/png")}
        return gateway.http.post("/v1/videos", data={"prompt": "x"}, files=upload, headers={"idempotency-key": key})

    first = send("red", "a.png")
    assert is_replay(send("red", "a.png")), "httpx chooses a new boundary for each request"
    assert send("red", "a.png").json()["id"] == first.json()["id"]
    assert error_of(send("blue", "a.png")) == (422, "idempotency_mismatch")


def test_a_data_uri_in_the_request_is_part_of_what_must_match(gateway: Running, key: str) -> None:
    def uri(colour: str) -> str:
        file = io.BytesIO()
        Image.new("RGB", (64, 64), colour).save(file, "PNG")
        return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()

    header = {"idempotency-key": key}
    create(gateway, header, image_url=uri("red"))
    assert is_replay(create(gateway, header, image_url=uri("red")))
    answer = gateway.http.post("/v1/videos", json={**LONG, "image_url": uri("blue")}, headers=header)
    assert error_of(answer) == (422, "idempotency_mismatch")


def test_a_request_that_was_refused_does_not_use_its_key_up(gateway: Running, key: str) -> None:
    header = {"idempotency-key": key}
    assert gateway.http.post("/v1/videos", json={**LONG, "size": "huge"}, headers=header).status_code == 400
    assert not is_replay(create(gateway, header))


def test_a_dry_run_does_not_use_the_key_up(gateway: Running, key: str) -> None:
    header = {"idempotency-key": key}
    assert gateway.http.post("/v1/videos?dryRun=true", json=LONG, headers=header).json()["estimated"] is True
    assert not is_replay(create(gateway, header))


def test_many_sends_at_once_make_one_video(gateway: Running, key: str) -> None:
    def send(_number: int) -> dict[str, Any]:
        video: dict[str, Any] = create(gateway, {"idempotency-key": key}).json()
        return video

    with ThreadPoolExecutor(8) as pool:
        ids = {video["id"] for video in pool.map(send, range(16))}
    assert len(ids) == 1


def test_an_sdk_that_retries_blindly_gets_its_first_video(gateway: Running, key: str) -> None:
    fields: dict[str, Any] = {"prompt": f"a sea called {key}"}
    first = create(gateway, {"x-stainless-retry-count": "0"}, **fields)
    again = create(gateway, {"x-stainless-retry-count": "1"}, **fields)
    assert (again.json()["id"], is_replay(again)) == (first.json()["id"], True)
    on_purpose = create(gateway, {"x-stainless-retry-count": "0"}, **fields)
    assert on_purpose.json()["id"] != first.json()["id"]
    other = create(gateway, {"x-stainless-retry-count": "2"}, prompt=f"another sea called {key}")
    assert not is_replay(other), "its first try never arrived"


def test_a_retry_after_a_delete_makes_the_video_anew(gateway: Running, key: str) -> None:
    fields: dict[str, Any] = {"prompt": f"a sea called {key}"}
    first = create(gateway, **fields).json()["id"]
    assert gateway.http.delete(f"/v1/videos/{first}").status_code == 200
    again = create(gateway, {"x-stainless-retry-count": "1"}, **fields)
    assert not is_replay(again)
    assert again.json()["id"] != first


def test_deleting_a_video_frees_its_key_and_no_other(gateway: Running, key: str) -> None:
    header, other = {"idempotency-key": key}, {"idempotency-key": f"{key}-other"}
    first, kept = create(gateway, header).json()["id"], create(gateway, other).json()["id"]
    assert gateway.http.delete(f"/v1/videos/{first}").status_code == 200
    again = create(gateway, header)
    assert not is_replay(again)
    assert again.json()["id"] != first
    assert create(gateway, header).json()["id"] == again.json()["id"]
    assert create(gateway, other).json()["id"] == kept


def test_remixes_and_edits_are_replayed_too(gateway: Running, key: str) -> None:
    source = gateway.finished()["id"]
    header = {"idempotency-key": key}
    path = f"/v1/videos/{source}/remix"
    first = gateway.http.post(path, json={"prompt": "x"}, headers=header)
    again = gateway.http.post(path, json={"prompt": "x"}, headers=header)
    assert (first.json()["id"], is_replay(again)) == (again.json()["id"], True)
    edit = {"prompt": "x", "video": {"id": source}}
    assert error_of(gateway.http.post("/v1/videos/edits", json=edit, headers=header)) == (422, "idempotency_mismatch")
