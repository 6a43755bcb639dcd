"""Stored files that are gone: what asks for them is refused by name, and leaves nothing behind."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.creating import PICTURE
from tests.files import files_in

if TYPE_CHECKING:
    import httpx

    from tests.serving import Running


@pytest.fixture(scope="module")
def lost(gateway: Running) -> dict[str, Any]:
    """Return a finished video whose file is gone."""
    video = gateway.finished()
    for variant in ("thumbnail", "spritesheet"):  # which are put beside the film after its end
        assert gateway.http.get(f"{video['url']}&variant={variant}").status_code == 200
    shutil.rmtree(gateway.data_dir / "media" / "videos" / video["id"])
    return video


def error_of(answer: httpx.Response) -> tuple[int, str, str | None]:
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["param"]


def kept_inputs(gateway: Running) -> set[str]:
    folder = gateway.data_dir / "media" / "inputs"
    return {path.relative_to(folder).parts[0] for path in files_in(folder)}


def test_a_follow_up_of_a_video_whose_file_is_gone_is_refused(gateway: Running, lost: dict[str, Any]) -> None:
    remix = gateway.http.post(f"/v1/videos/{lost['id']}/remix", json={"prompt": "x"})
    assert error_of(remix) == (404, "video_not_ready", "video")
    edit = gateway.http.post("/v1/videos/edits", json={"prompt": "x", "input_video": {"id": lost["id"]}})
    assert error_of(edit) == (404, "video_not_ready", "input_video")
    assert "no longer stored" in edit.json()["error"]["message"]


def test_a_file_that_is_gone_is_named(gateway: Running) -> None:
    uploaded = gateway.http.post("/v1/files", files={"file": ("a.png", PICTURE)}).json()["id"]
    shutil.rmtree(gateway.data_dir / "media" / "files" / uploaded)
    answer = gateway.http.post("/v1/videos", json={"prompt": "x", "input_reference": {"file_id": uploaded}})
    assert error_of(answer) == (404, "file_not_found", "input_reference.file_id")


def test_a_create_that_fails_half_way_leaves_none_of_its_inputs(gateway: Running) -> None:
    clip = gateway.http.get(gateway.finished()["url"]).content
    character = gateway.http.post("/v1/videos/characters", data={"name": "Ann"}, files={"video": ("a.mp4", clip)})
    assert character.status_code == 200, character.text
    shutil.rmtree(gateway.data_dir / "media" / "characters" / character.json()["id"])
    before = kept_inputs(gateway)
    fields = {"prompt": "x", "characters": '["' + character.json()["id"] + '"]'}
    answer = gateway.http.post("/v1/videos", data=fields, files={"reference_images": ("a.png", PICTURE)})
    assert error_of(answer) == (404, "character_not_found", "characters")
    assert not kept_inputs(gateway) - before
