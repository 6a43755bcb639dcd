"""POST /videos: every field and spelling of API.md, section 4, in JSON and in multipart."""

from __future__ import annotations

import base64
import io
import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import av
import pytest
from PIL import Image

from app.api import schemas

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from tests.serving import Running

CORNERS = ((220, 30, 30), (30, 200, 40), (40, 60, 220), (230, 220, 40))


def picture(width: int = 400, height: int = 400) -> bytes:
    """Draw a PNG with another colour in each quarter."""
    image = Image.new("RGB", (2, 2))
    image.putdata(CORNERS)
    file = io.BytesIO()
    image.resize((width, height), Image.Resampling.NEAREST).save(file, "PNG")
    return file.getvalue()


PICTURE = picture()
DATA_URI = "data:image/png;base64," + base64.b64encode(PICTURE).decode()


def estimate(gateway: Running, path: str = "/v1/videos", **request: Any) -> dict[str, Any]:
    """Ask for a dry run and return its checked answer."""
    answer = gateway.http.post(path, params={"dryRun": "true"}, **request)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    schemas.Estimate.model_validate(found, strict=True)
    return found


def both(gateway: Running, **fields: object) -> dict[str, Any]:
    """Dry-run the fields as JSON and as multipart, which must agree."""
    fields = {"prompt": "a calm sea", **fields}
    as_json = estimate(gateway, json=fields)
    parts = [(name, (None, value if isinstance(value, str) else json.dumps(value))) for name, value in fields.items()]
    assert estimate(gateway, files=parts) == as_json
    return as_json


def order(gateway: Running, video_id: str) -> dict[str, Any]:
    """Read what the engine was told to buy."""
    with closing(sqlite3.connect(gateway.data_dir / "reelgate.sqlite3")) as database:
        (text,) = database.execute('SELECT "order" FROM videos WHERE id = ?', (video_id,)).fetchone()
    found: dict[str, Any] = json.loads(text)
    return found


def stopped(gateway: Running, answer: httpx.Response) -> dict[str, Any]:
    """Check a created video against the contract, and spare the machine its render."""
    assert answer.status_code == 200, answer.text
    video: dict[str, Any] = answer.json()
    schemas.VideoObject.model_validate(video, strict=True)
    assert gateway.http.post(f"/v1/videos/{video['id']}/cancel").status_code == 200
    return video


def parts_body(*parts: tuple[str, bytes]) -> bytes:
    """Build a multipart body by hand: (headers of the part, content)."""
    lines = [b"--limit\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n" for head, content in parts]
    return b"".join(lines) + b"--limit--\r\n"


TEXT = 'Content-Disposition: form-data; name="{}"'
MULTIPART = {"content-type": "multipart/form-data; boundary=limit"}


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


def test_metadata_may_come_in_brackets_or_as_json_text(gateway: Running) -> None:
    for files in ([("metadata[shot]", (None, "7"))], [("metadata", (None, '{"shot": "7"}'))]):
        video = stopped(gateway, gateway.http.post("/v1/videos", files=[("prompt", (None, "x")), *files]))
        assert video["metadata"]["shot"] == "7"


IMAGE, REFERENCES, EDIT = ("auto", "6"), ("854x480", "8"), ("auto", "1")  # (size, seconds) tell the modes apart


@pytest.mark.parametrize("value", [DATA_URI, {"image_url": DATA_URI}, [DATA_URI], [{"image_url": DATA_URI}]], ids=len)
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
def test_an_image_may_have_each_name_and_form(
    gateway: Running, field: str, value: object, mode: tuple[str, str]
) -> None:
    found = both(gateway, **{field: value})
    assert (found["size"], found["seconds"]) == mode
    assert found["components"][1]["metric"] == "image"


@pytest.mark.parametrize(
    "head",
    [
        '; filename="a.png"\r\nContent-Type: image/png',
        '; filename="README.md"',
        "\r\nContent-Type: application/octet-stream",
        "; filename*=UTF-8''%C3%BC.txt; filename=\"u\"\r\nContent-Type: text/plain",
    ],
)
@pytest.mark.parametrize("name", ["input_reference", "input_reference[]", "input_reference[0]", "image"])
def test_a_file_part_is_told_by_its_field_whatever_it_is_called(gateway: Running, name: str, head: str) -> None:
    body = parts_body((TEXT.format(name) + head, PICTURE), (TEXT.format("prompt"), b"x"))
    found = estimate(gateway, content=body, headers=MULTIPART)
    assert (found["size"], found["seconds"]) == IMAGE


@pytest.mark.parametrize(
    "names", [["input_reference[]"] * 2, ["input_reference"] * 2, ["image[0]", "image[1]"]], ids=str
)
def test_several_file_parts_are_several_references(gateway: Running, names: list[str]) -> None:
    files = [(name, ("a.png", PICTURE, "image/png")) for name in names]
    found = estimate(gateway, data={"prompt": "x"}, files=files)
    assert (found["size"], found["seconds"]) == REFERENCES
    assert found["components"][1]["quantity"] == 2


@pytest.mark.parametrize("name", ["input_reference[image_url]", "input_reference[][image_url]", "image_url"])
def test_a_reference_by_name_may_stand_in_brackets(gateway: Running, name: str) -> None:
    found = estimate(gateway, files=[("prompt", (None, "x")), (name, (None, DATA_URI))])
    assert (found["size"], found["seconds"]) == IMAGE


@pytest.mark.parametrize("kind", ["text/plain; charset=UTF-8", "application/json"])
def test_text_parts_may_carry_a_content_type(gateway: Running, kind: str) -> None:
    typed = f"{TEXT}\r\nContent-Type: {kind}"
    body = parts_body((typed.format("prompt"), "ein Fuchs, süß".encode()), (typed.format("seconds"), b"3"))
    video = stopped(gateway, gateway.http.post("/v1/videos", content=body, headers=MULTIPART))
    assert (video["prompt"], video["seconds"]) == ("ein Fuchs, süß", "3")


def test_the_boundary_may_be_quoted_and_the_body_chunked(gateway: Running) -> None:
    body = parts_body((TEXT.format("prompt"), b"x"), (TEXT.format("image") + '; filename="a"', PICTURE))

    def chunks() -> Iterator[bytes]:
        for start in range(0, len(body), 7):
            yield body[start : start + 7]

    quoted = {"content-type": 'multipart/form-data; boundary="limit"'}
    found = estimate(gateway, content=chunks(), headers=quoted)
    assert (found["size"], found["seconds"]) == IMAGE


@pytest.mark.parametrize("head", ['; filename="a.png"', "\r\nContent-Type: image/png"], ids=["named", "a stream"])
def test_a_file_that_is_empty_is_refused_rather_than_ignored(gateway: Running, head: str) -> None:
    body = parts_body((TEXT.format("input_reference") + head, b""), (TEXT.format("prompt"), b"x"))
    answer = gateway.http.post("/v1/videos", content=body, headers=MULTIPART)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "invalid_value", "input_reference")


def test_a_file_field_that_a_browser_user_left_alone_means_nothing(gateway: Running) -> None:
    body = parts_body((TEXT.format("input_reference") + '; filename=""', b""), (TEXT.format("prompt"), b"x"))
    assert estimate(gateway, content=body, headers=MULTIPART)["size"] == "1280x720"


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
    assert video["metadata"]["attempts"] == video["n"] == 4
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
