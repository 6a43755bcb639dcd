"""/files, characters, /models, and the request id that every answer carries."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest

from app.api import schemas
from tests.api.creating import PICTURE, estimate, stopped

if TYPE_CHECKING:
    import httpx

    from tests.serving import Running


def error_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def upload(gateway: Running, name: str = "fox.png") -> dict[str, Any]:
    answer = gateway.http.post("/v1/files", data={"purpose": "vision"}, files={"file": (name, PICTURE)})
    assert answer.status_code == 200, answer.text
    file: dict[str, Any] = answer.json()
    schemas.FileObject.model_validate(file, strict=True)
    return file


def test_an_uploaded_file_can_be_named_until_it_is_deleted(gateway: Running) -> None:
    file = upload(gateway)
    assert (file["filename"], file["bytes"], file["purpose"]) == ("fox.png", len(PICTURE), "vision")
    assert gateway.http.get(f"/v1/files/{file['id']}").json() == file
    body = {"prompt": "x", "input_reference": {"file_id": file["id"]}}
    assert estimate(gateway, json=body)["components"][1]["metric"] == "image"
    assert estimate(gateway, files={"prompt": (None, "x"), "input_reference[file_id]": (None, file["id"])})
    gone = gateway.http.delete(f"/v1/files/{file['id']}").json()
    assert gone == {"id": file["id"], "object": "file", "deleted": True}
    assert error_of(gateway.http.get(f"/v1/files/{file['id']}")) == (404, "file_not_found")
    assert error_of(gateway.http.post("/v1/videos", json=body)) == (404, "file_not_found")


def test_a_video_does_not_need_its_file_any_more(gateway: Running) -> None:
    file = upload(gateway)
    made = gateway.create(input_reference={"file_id": file["id"]}, aspect_ratio="1:1")
    assert gateway.http.delete(f"/v1/files/{file['id']}").status_code == 200
    assert gateway.wait(made["id"])["status"] == "completed"


@pytest.mark.parametrize("name", ["../../etc/passwd", "C:\\pictures\\passwd", "/home/me/passwd"])
def test_a_file_keeps_only_the_last_part_of_its_name(gateway: Running, name: str) -> None:
    assert upload(gateway, name)["filename"] == "passwd"


def test_a_character_is_a_reference_taken_from_its_video(gateway: Running) -> None:
    clip = gateway.http.get(gateway.finished()["url"]).content
    answer = gateway.http.post("/v1/videos/characters", data={"name": "Fox"}, files={"video": io.BytesIO(clip)})
    character = answer.json()
    schemas.Character.model_validate(character, strict=True)
    assert gateway.http.get(f"/v1/videos/characters/{character['id']}").json() == character
    for request in (
        {"json": {"prompt": "Fox runs", "characters": [{"id": character["id"]}]}},
        {"files": {"prompt": (None, "Fox runs"), "characters[][id]": (None, character["id"])}},
    ):
        video = stopped(gateway, gateway.http.post("/v1/videos", **request))
        assert [(each["param"], each["code"]) for each in video["warnings"]] == [("characters", "emulated")]
        assert (video["size"], video["seconds"]) == ("854x480", "8"), "the defaults of reference-to-video"
    ended = gateway.finished(prompt="Fox runs", characters=[{"id": character["id"]}])
    assert ended["size"] == "854x480"


@pytest.mark.parametrize("name", ["", "n" * 81])
def test_a_character_has_a_name_of_1_to_80_characters(gateway: Running, name: str) -> None:
    answer = gateway.http.post("/v1/videos/characters", data={"name": name}, files={"video": b"x"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "name")


def test_a_deleted_character_leaves_no_picture_and_stops_no_job(gateway: Running) -> None:
    clip = gateway.http.get(gateway.finished()["url"]).content
    answer = gateway.http.post("/v1/videos/characters", data={"name": "Fox"}, files={"video": io.BytesIO(clip)})
    character, folder = answer.json()["id"], gateway.data_dir / "media" / "characters"
    assert character in {each.name for each in folder.iterdir()}
    body = {"prompt": "Fox runs", "characters": [{"id": character}], "seconds": 1, "resolution": "480p"}
    running = gateway.http.post("/v1/videos", json=body).json()["id"]
    gone = gateway.http.delete(f"/v1/videos/characters/{character}").json()
    assert gone == {"id": character, "object": "character.deleted", "deleted": True}
    schemas.CharacterDeleted.model_validate(gone, strict=True)
    assert character not in {each.name for each in folder.iterdir()}
    for refused in (
        gateway.http.get(f"/v1/videos/characters/{character}"),
        gateway.http.delete(f"/v1/videos/characters/{character}"),
        gateway.http.post("/v1/videos", json=body),
    ):
        assert error_of(refused) == (404, "character_not_found")
    assert gateway.wait(running)["status"] == "completed"


def test_the_list_of_models_is_openais_with_what_each_can_do(gateway: Running) -> None:
    found = gateway.http.get("/v1/models").json()
    schemas.ModelList.model_validate(found, strict=True)
    models = {model["id"]: model for model in found["data"]}
    grok = models["grok-imagine-video"]
    assert grok["capabilities"] == ["text-to-video", "image-to-video", "reference-to-video", "edit", "extend"]
    assert "sora-2" in grok["aliases"]
    assert grok["modes"][0]["sizes"][0] == "854x480"
    assert grok["providers"] == ["local"]


@pytest.mark.parametrize("name", ["grok-imagine-video", "sora-2", "local/grok-imagine-video"])
def test_a_model_is_found_by_each_of_its_names(gateway: Running, name: str) -> None:
    model = gateway.http.get(f"/v1/models/{name}").json()
    schemas.ModelObject.model_validate(model, strict=True)
    assert (model["id"], model.get("parameters")) == ("grok-imagine-video", None)


def test_the_schema_of_a_model_tells_how_each_parameter_is_handled(gateway: Running) -> None:
    model = gateway.http.get("/v1/models/grok-imagine-video-1.5", params={"schema": "true"}).json()
    schemas.ModelObject.model_validate(model, strict=True)
    handling = {each["name"]: each["handling"] for each in model["parameters"]}
    assert handling["prompt"] == "renamed"
    assert handling["size"] == handling["aspect_ratio"] == handling["resolution"] == handling["seconds"] == "converted"
    assert handling["n"] == "emulated"
    assert handling["input_video"] == "not available", "1.5 does not edit"


def test_an_unknown_model_comes_with_a_guess(gateway: Running) -> None:
    answer = gateway.http.get("/v1/models/grok-imagin-video")
    assert error_of(answer) == (404, "model_not_found")
    assert "Did you mean 'grok-imagine-video'" in answer.json()["error"]["message"]


def test_a_mode_that_the_model_lacks_is_refused_with_the_models_that_have_it(gateway: Running) -> None:
    source = gateway.finished()["id"]
    body = {"prompt": "x", "model": "sora-2-pro", "input_video": {"id": source}}
    answer = gateway.http.post("/v1/videos", json=body)
    assert error_of(answer) == (400, "unsupported_mode")
    assert "grok-imagine-video" in answer.json()["error"]["message"].partition("Models that do:")[2]


@pytest.mark.parametrize(
    "path", ["/v1/models", "/v1/videos/video_123", "/v1/unknown", "/healthz", "/v1/videos?limit=x"]
)
def test_every_answer_carries_the_callers_request_id_or_one_of_ours(gateway: Running, path: str) -> None:
    assert gateway.http.get(path, headers={"x-request-id": "trace-1:a.B"}).headers["x-request-id"] == "trace-1:a.B"
    for insane in ("", "a b", "x" * 129, "<script>"):
        ours = gateway.http.get(path, headers={"x-request-id": insane}).headers["x-request-id"]
        assert ours.startswith("req_")
    assert gateway.http.get(path).headers["x-request-id"] != gateway.http.get(path).headers["x-request-id"]
