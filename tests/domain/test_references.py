"""The input images and videos of a request: every field, every form, and the mode that follows from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.domain.catalogue import Mode
from app.domain.errors import GatewayError
from app.domain.references import DataUri, FileId, MediaRef, NamedRef, Upload, Url, VideoId, media_ref
from app.domain.requests import VideoRequest, parse
from tests.domain.specs import refused

PHOTO = Upload(Path("part-0"), "ab" * 32, 10, "photo.png")
LINK = "https://a.example/a.png"
IMAGES = ("input_reference", "image_url", "image")
REFERENCES = ("reference_images", "reference_image_urls")
VIDEOS = ("input_video", "video_url", "video")


def created(**fields: object) -> VideoRequest:
    return parse({"prompt": "a fox", **fields})


def refusal(*mode: Mode, **fields: object) -> tuple[str, str | None]:
    with pytest.raises(GatewayError) as error:
        parse({"prompt": "a fox", **fields}, *mode)
    return refused(error)


@pytest.mark.parametrize(
    ("value", "ref"),
    [
        (PHOTO, PHOTO),
        (LINK, Url(LINK)),
        ("HTTPS://a.example", Url("HTTPS://a.example")),
        ("http://10.0.0.1/a", Url("http://10.0.0.1/a")),
        ("data:image/png;base64,AA==", DataUri("data:image/png;base64,AA==")),
        ("DATA:,", DataUri("DATA:,")),
        ({"image_url": LINK}, Url(LINK)),
        ({"video_url": LINK}, Url(LINK)),
        ({"url": "data:,"}, DataUri("data:,")),
        ({"image_url": {"url": LINK}}, Url(LINK)),
        ({"image_url": PHOTO}, PHOTO),
        ({"image_url": {"url": PHOTO}}, PHOTO),
        ({"file_id": "file_1"}, FileId("file_1")),
        ({"id": "video_1"}, VideoId("video_1")),
        ({"id": "video_1", "index": 9}, VideoId("video_1", 9)),
        ({"id": "video_1", "index": "3"}, VideoId("video_1", 3)),
        ({"id": "video_1", "url": "", "file_id": None, "type": "video"}, VideoId("video_1")),
    ],
)
def test_a_reference_is_read_in_every_form(value: object, ref: MediaRef) -> None:
    assert media_ref(value, "video") == ref


@pytest.mark.parametrize(
    ("value", "code", "param"),
    [
        (None, "invalid_value", "video"),
        ("", "invalid_value", "video"),
        (5, "invalid_value", "video"),
        (True, "invalid_value", "video"),
        ([LINK], "invalid_value", "video"),
        ({}, "invalid_value", "video"),
        ({"href": LINK}, "invalid_value", "video"),
        ({"url": ""}, "invalid_value", "video"),
        ("a.png", "invalid_value", "video"),
        ("ftp://a.example", "invalid_value", "video"),
        (" https://a.example", "invalid_value", "video"),
        ("video_123", "invalid_value", "video"),
        ({"url": "a.png"}, "invalid_value", "video.url"),
        ({"image_url": {"url": "a.png"}}, "invalid_value", "video.image_url"),
        ({"image_url": {"a": LINK}}, "invalid_value", "video.image_url"),
        ({"image_url": [LINK]}, "invalid_value", "video.image_url"),
        ({"url": 5}, "invalid_value", "video.url"),
        ({"file_id": 5}, "invalid_value", "video.file_id"),
        ({"id": ["a"]}, "invalid_value", "video.id"),
        ({"id": "v", "index": 10}, "invalid_value", "video.index"),
        ({"id": "v", "index": -1}, "invalid_value", "video.index"),
        ({"id": "v", "index": True}, "invalid_value", "video.index"),
        ({"id": "v", "index": 1.0}, "invalid_value", "video.index"),
        ({"id": "v", "index": "10"}, "invalid_value", "video.index"),
        ({"id": "v", "index": ""}, "invalid_value", "video.index"),
        ({"id": "v", "index": "٣"}, "invalid_value", "video.index"),
        ({"id": "v", "index": None}, "invalid_value", "video.index"),
        ({"id": "v", "url": LINK}, "conflicting_parameters", "video"),
        ({"image_url": LINK, "file_id": "f"}, "conflicting_parameters", "video"),
    ],
)
def test_anything_else_is_refused_where_it_is_wrong(value: object, code: str, param: str) -> None:
    with pytest.raises(GatewayError) as error:
        media_ref(value, "video")
    assert refused(error) == (code, param)
    assert len(error.value.message) < 400


def test_a_message_repeats_little_of_a_wrong_reference() -> None:
    with pytest.raises(GatewayError) as error:
        media_ref("x" * 5000, "image")
    assert "x" * 61 not in error.value.message


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("listed", [False, True])
def test_one_image_is_a_first_frame_under_any_name(name: str, *, listed: bool) -> None:
    found = created(**{name: [LINK] if listed else LINK})
    assert (found.mode, found.images, found.extra) == (Mode.IMAGE, (NamedRef(name, Url(LINK)),), {})


@pytest.mark.parametrize("name", IMAGES)
def test_several_images_are_references(name: str) -> None:
    found = created(**{name: [LINK, PHOTO, {"file_id": "f"}]})
    assert found.mode is Mode.REFERENCE
    assert found.images == tuple(NamedRef(name, ref) for ref in (Url(LINK), PHOTO, FileId("f")))


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("value", [LINK, [LINK]])
def test_one_reference_image_is_a_reference(name: str, value: object) -> None:
    found = created(**{name: value})
    assert (found.mode, found.images, found.extra) == (Mode.REFERENCE, (NamedRef(name, Url(LINK)),), {})


@pytest.mark.parametrize("name", VIDEOS)
def test_a_video_is_to_be_edited_under_any_name(name: str) -> None:
    for value in ({"id": "video_1"}, [{"id": "video_1"}]):
        found = created(**{name: value})
        assert (found.mode, found.video, found.extra) == (Mode.EDIT, NamedRef(name, VideoId("video_1")), {})


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        ([{"id": "char_1"}, {"id": "char_2"}], ("char_1", "char_2")),
        (["char_1"], ("char_1",)),
        ({"id": "char_1"}, ("char_1",)),
        ("char_1", ("char_1",)),
    ],
)
def test_characters_are_references(value: object, ids: tuple[str, ...]) -> None:
    found = created(characters=value)
    assert (found.mode, found.characters) == (Mode.REFERENCE, ids)
    assert created(characters=value, image=LINK).mode is Mode.REFERENCE


@pytest.mark.parametrize("empty", [None, "", []])
def test_no_characters_are_no_mode(empty: object) -> None:
    found = created(characters=empty)
    assert (found.mode, found.characters) == (Mode.TEXT, ())


@pytest.mark.parametrize("value", [5, [5], [{}], [{"id": 5}], [{"id": ""}], [""], ["char_1", None], True])
def test_malformed_characters_are_refused(value: object) -> None:
    assert refusal(characters=value) == ("invalid_value", "characters")


@pytest.mark.parametrize("name", IMAGES + REFERENCES + VIDEOS)
@pytest.mark.parametrize("value", [5, "a.png", {"href": LINK}, [None], [LINK, ""], True, {}])
def test_a_malformed_reference_is_refused_under_its_field(name: str, value: object) -> None:
    assert refusal(**{name: value}) == ("invalid_value", name)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"image": LINK, "reference_images": [LINK]}, "reference_images"),
        ({"image_url": LINK, "reference_image_urls": [LINK]}, "reference_image_urls"),
        ({"input_reference": LINK, "image_url": LINK}, "image_url"),
        ({"image": LINK, "image_url": LINK}, "image"),
        ({"reference_images": [LINK], "reference_image_urls": [LINK]}, "reference_image_urls"),
        ({"video": LINK, "input_video": LINK}, "video"),
        ({"video": LINK, "image": LINK}, "video"),
        ({"video_url": LINK, "reference_images": [LINK]}, "video_url"),
        ({"input_video": LINK, "characters": ["char_1"]}, "input_video"),
    ],
)
def test_inputs_that_contradict_each_other_are_refused(fields: dict[str, object], param: str) -> None:
    assert refusal(**fields) == ("conflicting_parameters", param)


def test_two_videos_are_refused() -> None:
    assert refusal(video=[LINK, LINK]) == ("invalid_value", "video")


@pytest.mark.parametrize("mode", [Mode.EDIT, Mode.EXTEND])
def test_a_route_that_means_a_mode_sets_it_and_needs_a_video(mode: Mode) -> None:
    assert parse({"prompt": "a fox", "video": LINK}, mode).mode is mode
    assert refusal(mode) == ("missing_required_parameter", "video")
    assert refusal(mode, image=LINK) == ("conflicting_parameters", "image")
    assert refusal(mode, characters=["char_1"]) == ("conflicting_parameters", "characters")
    assert refusal(mode, video=LINK, image=LINK) == ("conflicting_parameters", "video")
