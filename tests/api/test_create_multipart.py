"""POST /videos in multipart, as the SDKs of every language write it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.api.creating import (
    DATA_URI,
    IMAGE,
    MULTIPART,
    PICTURE,
    REFERENCES,
    TEXT,
    estimate,
    parts_body,
    stopped,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.serving import Running


@pytest.mark.parametrize(
    "head",
    [
        '; filename="a.png"\r\nContent-Type: image/png',
        '; filename="README.md"',
        "\r\nContent-Type: application/octet-stream",
        "; filename*=UTF-8''%C3%BC.txt; filename=\"u\"\r\nContent-Type: text/plain",
    ],
)
def test_a_file_part_is_told_by_its_field_whatever_it_is_called(gateway: Running, head: str) -> None:
    body = parts_body((TEXT.format("input_reference") + head, PICTURE), (TEXT.format("prompt"), b"x"))
    found = estimate(gateway, content=body, headers=MULTIPART)
    assert (found["size"], found["seconds"]) == IMAGE


@pytest.mark.parametrize("name", ["input_reference[]", "input_reference[0]", "image"])
def test_a_file_field_may_have_brackets_or_another_name(gateway: Running, name: str) -> None:
    file = {name: ("a.png", PICTURE, "image/png")}
    found = estimate(gateway, data={"prompt": "x"}, files=file)
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
