"""What becomes of a video: cancelled, deleted, remixed, edited, extended."""

from __future__ import annotations

import io
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from app.api import schemas
from tests.api.tenants import without_links
from tests.files import files_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import httpx

    from tests.serving import Running


@pytest.fixture(scope="module")
def source(gateway: Running) -> dict[str, Any]:
    """Return a finished video of two seconds: the shortest that can be extended."""
    return gateway.finished(prompt="a red boat", seconds=2)


def shown(answer: httpx.Response) -> dict[str, Any]:
    """Return the video of an answer, checked against the contract."""
    assert answer.status_code == 200, answer.text
    video: dict[str, Any] = answer.json()
    schemas.VideoObject.model_validate(video, strict=True)
    return video


def ended(gateway: Running, answer: httpx.Response) -> dict[str, Any]:
    gateway.wait(shown(answer)["id"])
    return shown(gateway.http.get(f"/v1/videos/{answer.json()['id']}"))


def error_of(answer: httpx.Response) -> tuple[int, str, str | None]:
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["param"]


def frame(gateway: Running, video: dict[str, Any], number: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Decode the lower half of one frame of a finished video; titles of follow-ups stand in the upper one."""
    with av.open(io.BytesIO(gateway.http.get(video["url"]).content), "r") as container:
        return list(container.decode(video=0))[number].to_ndarray(format="rgb24")[240:].astype(float)


def test_every_state_on_the_way_keeps_the_contract_and_progress_only_rises(gateway: Running) -> None:
    made = gateway.create(n=2, seconds=2)
    seen = [shown(gateway.http.get(f"/v1/videos/{made['id']}"))]
    deadline = time.monotonic() + 60
    while seen[-1]["status"] in ("queued", "in_progress") and time.monotonic() < deadline:
        answer = gateway.http.get(f"/v1/videos/{made['id']}")
        seen.append(shown(answer))
        pending = seen[-1]["status"] in ("queued", "in_progress")
        assert ("openai-poll-after-ms" in answer.headers) == pending
        assert (seen[-1]["progress"] == 100) != pending
    assert seen[-1]["status"] == "completed"
    progress = [video["progress"] for video in seen]
    assert progress == sorted(progress)
    order = ["queued", "in_progress", "completed"]
    assert [order.index(video["status"]) for video in seen] == sorted(order.index(video["status"]) for video in seen)
    assert {video["id"] for video in seen} == {made["id"]}
    assert seen[-1]["created_at"] <= seen[-1]["completed_at"]
    assert seen[-1]["url"] == seen[-1]["output"]["url"] == seen[-1]["outputs"][0]["url"]


def test_a_live_video_is_cancelled_at_once(gateway: Running) -> None:
    with gateway.idle():
        made = gateway.create(seconds=15)
        video = shown(gateway.http.post(f"/v1/videos/{made['id']}/cancel"))
    assert (video["status"], video["error"]["code"]) == ("failed", "cancelled")
    assert video["progress"] < 100
    assert video["completed_at"] is None
    later = shown(gateway.http.get(f"/v1/videos/{made['id']}"))
    # The answer to a submit that was under way comes after the end; its job's id is kept, all else stays.
    later["metadata"]["upstream_id"] = video["metadata"]["upstream_id"]
    assert later == video


def test_cancelling_a_finished_video_changes_nothing(gateway: Running, source: dict[str, Any]) -> None:
    cancelled = shown(gateway.http.post(f"/v1/videos/{source['id']}/cancel"))
    assert without_links(cancelled) == without_links(source)  # which are signed anew every hour


def test_outputs_that_were_finished_before_a_cancel_are_kept(gateway: Running) -> None:
    with gateway.idle(after=1):
        made = gateway.create(n=10)
        deadline = time.monotonic() + 60
        while not any(output["url"] for output in made["outputs"]):
            assert time.monotonic() < deadline
            made = gateway.http.get(f"/v1/videos/{made['id']}").json()
        video = shown(gateway.http.post(f"/v1/videos/{made['id']}/cancel"))
    assert (video["status"], video["error"]) == ("completed", None)
    states = {output["status"] for output in video["outputs"]}
    assert states == {"completed", "failed"}
    for output in video["outputs"]:
        assert (output["url"] is None) == (output["status"] == "failed") == (output["error"] is not None)
    assert gateway.http.get(video["url"]).status_code == 200


def _files(folder: Path, video_id: str) -> list[Path]:
    return [path for path in files_in(folder) if video_id in str(path)]


def test_a_deleted_video_is_gone_with_its_media(gateway: Running) -> None:
    video = gateway.finished()
    assert _files(gateway.data_dir / "media", video["id"])
    answer = gateway.http.delete(f"/v1/videos/{video['id']}", headers={"content-type": "application/json"})
    assert answer.json() == {"id": video["id"], "object": "video.deleted", "deleted": True}
    path = f"/v1/videos/{video['id']}"
    gone = (404, "video_not_found", "video_id")
    assert error_of(gateway.http.get(path)) == gone
    assert error_of(gateway.http.delete(path)) == gone
    assert error_of(gateway.http.post(f"{path}/cancel")) == gone
    assert error_of(gateway.http.post(f"{path}/remix", json={"prompt": "x"}))[:2] == gone[:2]
    deadline = time.monotonic() + 60
    while _files(gateway.data_dir / "media", video["id"]):
        assert time.monotonic() < deadline, "the media are still there"
        time.sleep(0.05)


def _rows_naming(gateway: Running, word: str) -> list[str]:
    with closing(sqlite3.connect(gateway.data_dir / "reelgate.sqlite3")) as database:
        return [line for line in database.iterdump() if word in line]


@pytest.mark.parametrize("seconds", [1, 15], ids=["finished", "live"])
def test_the_database_forgets_what_a_deleted_video_said_of_its_owner(gateway: Running, seconds: int) -> None:
    word = f"confidential{seconds}"
    fields = {"metadata": {"order": word}, "user": f"{word}-user", "seed_hint": word, "prompt": f"a {word} sea"}
    video = gateway.create(seconds=seconds, n=2, idempotency_key=f"{word}-key", size="123x456", **fields)
    made, deadline = video, time.monotonic() + 60
    awaited = ("queued", "in_progress") if seconds == 1 else ("queued",)
    while any(output["status"] in awaited for output in made["outputs"]):
        assert time.monotonic() < deadline
        made = gateway.http.get(f"/v1/videos/{video['id']}").json()
    assert _rows_naming(gateway, word)
    assert gateway.http.delete(f"/v1/videos/{video['id']}").status_code == 200
    assert not _rows_naming(gateway, word)
    deadline = time.monotonic() + 60
    while _files(gateway.data_dir / "media", video["id"]):
        assert time.monotonic() < deadline, "cleaning up goes on without the row's words"
        time.sleep(0.05)


def test_deleting_a_live_video_stops_it(start_gateway: Callable[..., Running]) -> None:
    gateway = start_gateway()
    made = gateway.create(seconds=15, n=2)
    scratch, deadline = gateway.data_dir / "scratch", time.monotonic() + 60
    while not any(scratch.iterdir()):
        assert time.monotonic() < deadline, "nothing was begun"
        time.sleep(0.02)
    assert gateway.http.delete(f"/v1/videos/{made['id']}").status_code == 200
    assert error_of(gateway.http.get(f"/v1/videos/{made['id']}")) == (404, "video_not_found", "video_id")
    deadline = time.monotonic() + 60
    while any(scratch.iterdir()):
        assert time.monotonic() < deadline, "something is still rendering"
        time.sleep(0.02)


@pytest.mark.parametrize(
    "body",
    [{"json": {"prompt": "make it night"}}, {"files": {"prompt": (None, "make it night")}}],
    ids=["json", "multipart"],
)
def test_a_remix_is_an_edit_that_remembers_its_source(
    gateway: Running, source: dict[str, Any], body: dict[str, Any]
) -> None:
    video = ended(gateway, gateway.http.post(f"/v1/videos/{source['id']}/remix", **body))
    assert (video["status"], video["remixed_from_video_id"]) == ("completed", source["id"])
    assert (video["size"], video["seconds"], video["prompt"]) == ("854x480", "2", "make it night")
    assert video["id"] != source["id"]
    difference = np.abs(frame(gateway, video, 10) - frame(gateway, source, 10)).mean()
    assert difference > 15, "the edit shows"


@pytest.mark.parametrize("name", ["edits", "extensions"])
def test_edits_and_extensions_take_a_file_a_video_id_or_a_file_id(
    gateway: Running, source: dict[str, Any], name: str
) -> None:
    clip = gateway.http.get(source["url"]).content
    uploaded = gateway.http.post("/v1/files", files={"file": ("clip.mp4", clip)}).json()["id"]
    path = f"/v1/videos/{name}?dryRun=true"
    answers = [
        gateway.http.post(path, data={"prompt": "x", "seconds": "2"}, files={"video": ("clip.mp4", clip)}),
        gateway.http.post(
            path, files={"prompt": (None, "x"), "seconds": (None, "2"), "video[id]": (None, source["id"])}
        ),
        gateway.http.post(path, json={"prompt": "x", "seconds": 2, "video": {"id": source["id"]}}),
        gateway.http.post(path, json={"prompt": "x", "seconds": 2, "video": {"file_id": uploaded}}),
    ]
    assert [answer.status_code for answer in answers] == [200] * 4, [answer.text for answer in answers]
    assert [answer.json()["seconds"] for answer in answers] == [("2" if name == "edits" else "4")] * 4


def test_an_extension_goes_on_where_its_source_ends(gateway: Running, source: dict[str, Any]) -> None:
    fields = {"prompt": "it sails away", "seconds": "2", "video": {"id": source["id"]}}
    answer = gateway.http.post("/v1/videos/extensions", json=fields)
    assert answer.json()["seconds"] == "4", "the stitched total, from the start"
    video = ended(gateway, answer)
    assert (video["status"], video["seconds"], video["size"]) == ("completed", "4", "854x480")
    assert video["remixed_from_video_id"] is None
    assert video["output"]["duration"] == pytest.approx(source["output"]["duration"] + 2, abs=0.1)
    for number in (0, 30):
        same = np.abs(frame(gateway, video, number) - frame(gateway, source, number)).mean()
        assert same < 5, "the source comes first"


def test_a_follow_up_does_not_need_its_source_any_more(gateway: Running) -> None:
    before = gateway.finished()
    answer = gateway.http.post(f"/v1/videos/{before['id']}/remix", json={"prompt": "make it snow"})
    assert gateway.http.delete(f"/v1/videos/{before['id']}").status_code == 200
    video = ended(gateway, answer)
    assert (video["status"], video["remixed_from_video_id"]) == ("completed", before["id"])


def test_a_follow_up_needs_a_finished_source(gateway: Running) -> None:
    with gateway.idle():
        live = gateway.create()["id"]
        remix = gateway.http.post(f"/v1/videos/{live}/remix", json={"prompt": "x"})
        assert error_of(remix)[:2] == (404, "video_not_ready")
        edit = {"prompt": "x", "video": {"id": live}}
        assert error_of(gateway.http.post("/v1/videos/edits", json=edit)) == (404, "video_not_ready", "video")
        gateway.http.post(f"/v1/videos/{live}/cancel")
    unknown = {"prompt": "x", "video": {"id": "video_123"}}
    assert error_of(gateway.http.post("/v1/videos/edits", json=unknown)) == (404, "video_not_found", "video")
    nothing = gateway.http.post("/v1/videos/edits", json={"prompt": "x"})
    assert error_of(nothing) == (400, "missing_required_parameter", "video")


def test_a_source_too_short_to_extend_is_refused_with_what_works(gateway: Running) -> None:
    short = gateway.finished()["id"]
    answer = gateway.http.post("/v1/videos/extensions", json={"prompt": "x", "video": {"id": short}})
    assert error_of(answer) == (400, "invalid_video", "video")
    assert "takes 2 to" in answer.json()["error"]["message"]
