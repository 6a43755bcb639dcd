"""POST /videos: every field of API.md, section 4, in JSON and in multipart."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import av
import pytest

from app.api import schemas
from tests.api.creating import CORNERS, DATA_URI, EDIT, IMAGE, PICTURE, REFERENCES, estimate, order, stopped

if TYPE_CHECKING:
    from tests.serving import Running


def both(gateway: Running, **fields: object) -> dict[str, Any]:
    """Dry-run the fields as JSON and as multipart, which must agree."""
    fields = {"prompt": "a calm sea", **fields}
    as_json = estimate(gateway, json=fields)
    parts = [(name, (None, value if isinstance(value, str) else json.dumps(value))) for name, value in fields.items()]
    assert estimate(gateway, files=parts) == as_json
    return as_json


def test_a_new_video_has_every_field_and_is_queued(gateway: Running) -> None:
    fields = {"prompt": "a calm sea", "size": "1280x720", "seconds": "4", "n": 2, "user": "u1", "metadata": {"a": "b"}}
    video = stopped(gateway, gateway.http.post("/v1/videos", json=fields))
    assert (video["object"], video["status"], video["progress"], video["model"]) == (
        "video",
        "queued",
        0,
        "grok-imagine-video",
    )
    assert (video["prompt"], video["size"], video["seconds"], video["n"]) == ("a calm sea", "1280x720", "4", 2)
    assert [video[name] for name in ("completed_at", "expires_at", "error", "url", "output")] == [None] * 5
    assert [output["index"] for output in video["outputs"]] == [0, 1]
    facts = {"a": "b", "provider": "local", "executed_model": "local/grok-imagine-video", "cost_currency": "USD"}
    assert facts.items() <= video["metadata"].items()
    assert video["warnings"] == []


@pytest.mark.parametrize(
    ("fields", "size", "seconds", "warned"),
    [
        ({}, "1280x720", "6", []),
        ({"seconds": 4}, "1280x720", "4", []),
        ({"seconds": "4s"}, "1280x720", "4", []),
        ({"seconds": 6.5}, "1280x720", "6", ["seconds"]),
        ({"seconds": 99}, "1280x720", "15", ["seconds"]),
        ({"duration": 3}, "1280x720", "3", []),
        ({"duration": "99s"}, "1280x720", "15", ["duration"]),
        ({"seconds": "2", "duration": 9}, "1280x720", "2", ["duration"]),
        ({"size": "854x480"}, "854x480", "6", []),
        ({"size": "9:16"}, "720x1280", "6", []),
        ({"size": "auto", "aspect_ratio": "auto", "resolution": "auto"}, "1280x720", "6", []),
        ({"aspect_ratio": "1:1"}, "720x720", "6", []),
        ({"aspect_ratio": "7:1"}, "1280x720", "6", ["aspect_ratio"]),
        ({"resolution": "480p"}, "854x480", "6", []),
        ({"resolution": "768P"}, "1280x720", "6", ["resolution"]),
        ({"resolution": "1K", "aspect_ratio": "1:1"}, "720x720", "6", ["resolution"]),
        ({"resolution": 0.25}, "854x480", "6", ["resolution"]),
        ({"resolution": "4K"}, "1280x720", "6", ["resolution"]),
        (
            {"size": "480x480", "aspect_ratio": "16:9", "resolution": "720p"},
            "480x480",
            "6",
            ["aspect_ratio", "resolution"],
        ),
        ({"size": "1:1", "resolution": "480p"}, "480x480", "6", []),
        ({"model": "sora-2", "seconds": "8", "size": "720x1280"}, "720x1280", "8", []),
        ({"model": "local/grok-imagine-video-1.5", "resolution": "1080p"}, "1920x1080", "6", []),
    ],
    ids=str,
)
def test_size_and_length_mean_the_same_in_json_and_multipart(
    gateway: Running, fields: dict[str, object], size: str, seconds: str, warned: list[str]
) -> None:
    found = both(gateway, **fields)
    assert (found["size"], found["seconds"]) == (size, seconds)
    assert [warning["param"] for warning in found["warnings"]] == warned


def test_a_dry_run_makes_no_video(gateway: Running) -> None:
    newest = gateway.http.get("/v1/videos?limit=1").json()["first_id"]
    found = both(gateway, n=3, seconds=2, model="sora-2")
    assert (found["n"], found["model"], found["provider"]) == (3, "grok-imagine-video", "local")
    assert found["total_cost_micros"] == 0
    assert (found["components"][0]["metric"], found["components"][0]["quantity"]) == ("second", 6)
    assert gateway.http.get("/v1/videos?limit=1").json()["first_id"] == newest


@pytest.mark.parametrize(
    "path", ["/v1/videos/", "/openai/v1/videos", "/v1/videos/generations", "/openai/v1/videos/generations/"]
)
def test_every_address_of_create_answers_without_a_redirect(gateway: Running, path: str) -> None:
    answer = gateway.http.post(path, json={"prompt": "x", "seconds": 1}, follow_redirects=False)
    assert stopped(gateway, answer)["prompt"] == "x"


def test_unknown_fields_reach_the_provider_with_their_types(gateway: Running) -> None:
    extra = {
        "seed": 42,
        "cfg": 1.5,
        "fast": True,
        "negative_prompt": "rain",
        "camera": {"pan": "left", "steps": [1, 2]},
    }
    from_json = stopped(gateway, gateway.http.post("/v1/videos", json={"prompt": "x", **extra}))
    fields = {
        "prompt": "42",
        "seed": "42",
        "cfg": "1.5",
        "fast": "true",
        "negative_prompt": "rain",
        "camera[pan]": "left",
        "camera[steps][]": ["1", "2"],
    }
    body = {name: value for name, value in fields.items() if isinstance(value, str)}
    files = [(name, (None, value)) for name, value in body.items()]
    files += [("camera[steps][]", (None, step)) for step in ("1", "2")]
    from_form = stopped(gateway, gateway.http.post("/v1/videos", files=files))
    assert from_form["prompt"] == "42"
    assert order(gateway, from_json["id"])["extra"] == order(gateway, from_form["id"])["extra"] == extra


def test_a_field_that_is_nearly_one_of_ours_is_passed_on_with_a_warning(gateway: Running) -> None:
    assert [(each["param"], each["code"]) for each in both(gateway, sizes="1x1", seed=4)["warnings"]] == [
        ("sizes", "unknown")
    ]
    video = stopped(gateway, gateway.http.post("/v1/videos", json={"prompt": "x", "sizes": "1x1", "seed": 4}))
    assert order(gateway, video["id"])["extra"] == {"sizes": "1x1", "seed": 4}
    (warning,) = video["warnings"]
    assert (warning["requested"], warning["used"]) == ("1x1", None)
    assert "did you mean size?" in warning["message"]


def test_metadata_may_come_in_brackets_or_as_json_text(gateway: Running) -> None:
    for files in ([("metadata[shot]", (None, "7"))], [("metadata", (None, '{"shot": "7"}'))]):
        video = stopped(gateway, gateway.http.post("/v1/videos", files=[("prompt", (None, "x")), *files]))
        assert video["metadata"]["shot"] == "7"


@pytest.mark.parametrize(
    ("field", "mode"),
    [
        ("input_reference", IMAGE),
        ("image_url", IMAGE),
        ("image", IMAGE),
        ("reference_images", REFERENCES),
        ("reference_image_urls", REFERENCES),
    ],
)
def test_an_image_may_have_each_name(gateway: Running, field: str, mode: tuple[str, str]) -> None:
    found = both(gateway, **{field: DATA_URI})
    assert (found["size"], found["seconds"]) == mode
    assert found["components"][1]["metric"] == "image"


@pytest.mark.parametrize("value", [{"image_url": DATA_URI}, [DATA_URI], [{"image_url": DATA_URI}]], ids=len)
def test_an_image_may_have_each_form(gateway: Running, value: object) -> None:
    found = both(gateway, input_reference=value)
    assert (found["size"], found["seconds"]) == IMAGE


def test_a_finished_video_can_be_named_as_input(gateway: Running) -> None:
    source = gateway.finished()["id"]
    for field in ("input_video", "video"):
        found = both(gateway, **{field: {"id": source}})
        assert (found["size"], found["seconds"]) == EDIT
        in_brackets = [("prompt", (None, "x")), (f"{field}[id]", (None, source))]
        assert estimate(gateway, files=in_brackets)["seconds"] == "1"


def test_an_uploaded_image_shows_up_in_the_result(gateway: Running) -> None:
    answer = gateway.http.post(
        "/v1/videos",
        data={"prompt": "x", "seconds": "1", "resolution": "480p"},
        files={"input_reference": ("a.png", PICTURE, "image/png")},
    )
    video = gateway.wait(answer.json()["id"])
    assert video["size"] == "480x480", "the shape is the image's"
    with av.open(io.BytesIO(gateway.http.get(video["url"]).content), "r") as container:
        frame = list(container.decode(video=0))[12].to_ndarray(format="rgb24")
    for place, colour in zip(((140, 140), (340, 140), (140, 300), (340, 300)), CORNERS, strict=True):
        seen = [int(channel) for channel in frame[place[1], place[0]]]
        assert all(abs(now - was) < 40 for now, was in zip(seen, colour, strict=True)), (place, seen, colour)


def test_four_videos_of_one_request_are_four_different_clips(gateway: Running) -> None:
    video = gateway.finished(n=4)
    schemas.VideoObject.model_validate(video, strict=True)
    attempts = [(each["index"], each["outcome"]) for each in video["metadata"]["attempts"]]
    assert attempts == [(index, "completed") for index in range(4)]
    clips = {gateway.http.get(output["url"]).content for output in video["outputs"]}
    assert len(clips) == 4


def test_strict_refuses_what_would_be_converted_and_names_what_works(gateway: Running) -> None:
    fields = {"prompt": "x", "resolution": "1080p"}
    assert [warning["code"] for warning in both(gateway, **fields)["warnings"]] == ["converted"]
    for request in (
        {"json": {**fields, "strict": True}},
        {"files": [(k, (None, v)) for k, v in {**fields, "strict": "true"}.items()]},
    ):
        answer = gateway.http.post("/v1/videos", **request)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["param"]) == (400, "unsupported_value", "resolution")
        assert "480p, 720p" in error["message"]
    assert both(gateway, prompt="x", strict=True, resolution="720p")["warnings"] == []
