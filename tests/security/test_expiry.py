"""What clients see of a video that expires, with a folder and with a bucket: status, expires_at and content agree."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.files import files_in
from tests.serving import serve, settings_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.bucket import Bucket
    from tests.serving import Running

DAY = 86400


class Calendar:
    """A clock that can be put forward."""

    ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@pytest.fixture
def calendar(monkeypatch: pytest.MonkeyPatch) -> Calendar:
    monkeypatch.setattr("app.services.engine._SWEEP_SECONDS", 0.1)
    return Calendar()


@pytest.fixture(params=["folder", "bucket"])
def gateway(request: pytest.FixtureRequest, tmp_path: Path, calendar: Calendar) -> Iterator[Running]:
    media = {"media_url": request.getfixturevalue("bucket").url} if request.param == "bucket" else {}
    with serve(settings_for(tmp_path, retention_days=7, **media), calendar) as running:
        yield running


def stored(gateway: Running, request: pytest.FixtureRequest) -> list[str]:
    """List what lies in the media storage."""
    if "bucket" in request.fixturenames:
        bucket: Bucket = request.getfixturevalue("bucket")
        return list(bucket.stored())
    return [str(path) for path in files_in(gateway.data_dir / "media")]


def outcome(gateway: Running, video: dict[str, Any]) -> list[tuple[int, str | None]]:
    """Ask for the content by key, by its old link, by HEAD and for its thumbnail."""
    path = f"/v1/videos/{video['id']}/content"
    answers = [
        gateway.http.get(path),
        gateway.http.get(video["url"]),
        gateway.http.get(path, params={"variant": "thumbnail"}),
        gateway.http.get(path, headers={"if-none-match": "*"}),
    ]
    codes = [a.json()["error"]["code"] if a.status_code >= 400 else None for a in answers]
    return [(gateway.http.head(path).status_code, None), *zip([a.status_code for a in answers], codes, strict=True)]


def test_status_expiry_and_content_agree_before_and_after(
    gateway: Running, calendar: Calendar, request: pytest.FixtureRequest
) -> None:
    video = gateway.finished(n=2)
    assert video["expires_at"] in (video["completed_at"] + 7 * DAY, video["completed_at"] + 7 * DAY + 1)
    assert outcome(gateway, video) == [(200, None)] * 4 + [(304, None)]
    for index in range(2):  # pictures are drawn after the end
        query = f"variant=spritesheet&index={index}"
        assert gateway.http.get(f"/v1/videos/{video['id']}/content?{query}").status_code == 200
    assert len(stored(gateway, request)) == 6

    calendar.ahead = video["expires_at"] - time.time() - 120
    assert gateway.http.get(f"/v1/videos/{video['id']}").json()["url"] is not None

    calendar.ahead = video["expires_at"] - time.time()
    expired = gateway.http.get(f"/v1/videos/{video['id']}").json()
    gone = (404, "video_not_found")
    assert outcome(gateway, video) == [(404, None), gone, (401, "invalid_api_key"), gone, gone], (
        "its link has ended, too"
    )
    message = gateway.http.get(f"/v1/videos/{video['id']}/content").json()["error"]["message"]
    assert "expired" in message
    for path in ("edits", "extensions", f"{video['id']}/remix"):
        body = {"prompt": "night", "seconds": 2, "video": {"id": video["id"]}}
        refused = gateway.http.post(f"/v1/videos/{path}", json={"prompt": "night"} if "remix" in path else body)
        assert (refused.status_code, refused.json()["error"]["code"]) == (404, "video_not_ready")
    without = {"url": None, "output": None, "outputs": [{**each, "url": None} for each in video["outputs"]]}
    assert expired == {**video, **without}

    deadline = time.monotonic() + 60
    while stored(gateway, request):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert gateway.http.get(f"/v1/videos/{video['id']}").json() == expired
    assert outcome(gateway, video)[1] == gone

    assert gateway.http.delete(f"/v1/videos/{video['id']}").json()["deleted"]
    assert gateway.http.get(f"/v1/videos/{video['id']}").status_code == 404


def test_a_video_that_a_cancel_completes_expires_as_well(gateway: Running) -> None:
    made = gateway.create(n=3, seconds=3)
    deadline = time.monotonic() + 60
    while not any(
        each["status"] == "completed" for each in gateway.http.get(f"/v1/videos/{made['id']}").json()["outputs"]
    ):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    video = gateway.http.post(f"/v1/videos/{made['id']}/cancel").json()
    assert video["status"] == "completed"
    assert video["expires_at"] - video["completed_at"] in (7 * DAY, 7 * DAY + 1)


def test_a_live_link_of_an_expired_video_says_that_it_has_expired(tmp_path: Path, calendar: Calendar) -> None:
    with serve(settings_for(tmp_path, retention_days=0.5), calendar) as gateway:
        video = gateway.finished()
        calendar.ahead = DAY / 2 + 2
        answer = gateway.http.get(video["url"])
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "video_not_found")
        assert "expired" in answer.json()["error"]["message"]
