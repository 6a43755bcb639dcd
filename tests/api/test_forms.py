"""Bodies read by `forms` and `multipart`: whatever the bytes are, fields come out or a refusal."""

from __future__ import annotations

import json
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fastapi import Request
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.api.forms import Body, read_body
from app.domain.errors import GatewayError
from app.domain.requests import FILE_FIELDS, SCALAR_FIELDS, Upload, parse
from tests.api.refusals import BOUNDARY, MULTIPART, file, part, text

if TYPE_CHECKING:
    from starlette.types import Message


def read(content_type: str, content: bytes, folder: Path, *, piece: int = 1 << 16) -> Body:
    """Read a body that arrives in pieces of so many bytes."""
    pieces = [content[start : start + piece] for start in range(0, len(content), piece)]

    async def receive() -> Message:
        return {"type": "http.request", "body": pieces.pop(0) if pieces else b"", "more_body": bool(pieces)}

    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", content_type.encode("latin-1"))]}
    reading = read_body(Request(scope, receive), folder)
    try:
        reading.send(None)  # nothing in it waits, so it needs no event loop
    except StopIteration as end:
        body: Body = end.value
        return body
    raise AssertionError("reading a body waits for something else than the body")


def read_or_refuse(content_type: str, content: bytes, piece: int) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        with suppress(GatewayError):
            parse(read(content_type, content, folder, piece=piece))
    finally:
        shutil.rmtree(folder)


WHOLE = (
    text("prompt", "a calm sea")
    + text("characters[][id]", "char_1")
    + file("reference_images[]", b"\x89PNG\r\n\r\n--limi")
    + text("metadata", '{"a": 1}')
    + f"--{BOUNDARY}--\r\n".encode()
)
edits = st.lists(
    st.tuples(
        st.integers(0, len(WHOLE)),
        st.integers(0, 20),
        st.sampled_from([b"", b"\r\n", b"--limit", b"--", b'"', b";", b"=", b"[", b"]", b"\0", b"\xff", b"\\", b"*"]),
    ),
    max_size=6,
)


@settings(max_examples=150, deadline=None)
@given(edits, st.integers(1, 60))
def test_a_damaged_multipart_body_is_read_or_refused(changes: list[tuple[int, int, bytes]], piece: int) -> None:
    damaged = WHOLE
    for place, length, inserted in changes:
        damaged = damaged[:place] + inserted + damaged[place + length :]
    read_or_refuse(MULTIPART["content-type"], damaged, piece)


content_types = st.sampled_from(["application/json", "", *MULTIPART.values(), "multipart/form-data"]) | st.text(
    st.characters(max_codepoint=255), max_size=60
)


@settings(max_examples=150, deadline=None)
@given(content_types, st.binary(max_size=300), st.integers(1, 60))
def test_arbitrary_bytes_are_read_or_refused(content_type: str, content: bytes, piece: int) -> None:
    read_or_refuse(content_type, content, piece)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from(sorted({*SCALAR_FIELDS, *FILE_FIELDS, "metadata", "characters", "extra"}))


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(fields, json_values, max_size=8))
@example({"prompt": "x", "n": 10**399})
@example({"prompt": "x", "seconds": 1e308})
def test_arbitrary_json_values_are_read_or_refused(body: dict[str, object]) -> None:
    read_or_refuse("application/json", json.dumps({"prompt": "a calm sea", **body}).encode(), 1 << 16)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(fields | st.text("ab[]0", max_size=8), st.binary(max_size=12)), max_size=5))
def test_arbitrary_fields_are_read_or_refused(pairs: list[tuple[str, bytes]]) -> None:
    parts = [text(name, value) for name, value in pairs]
    read_or_refuse(MULTIPART["content-type"], b"".join(parts) + f"--{BOUNDARY}--\r\n".encode(), 1 << 16)


def fields_of(*parts: bytes, folder: Path) -> Body:
    return read(MULTIPART["content-type"], b"".join(parts) + f"--{BOUNDARY}--\r\n".encode(), folder)


@pytest.mark.parametrize(
    ("given_text", "value"),
    [
        ("42", 42),
        ("-1", -1),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("true", True),
        ("false", False),
        ("null", None),
        ("1e999", "1e999"),
        ("01", "01"),
        ("+1", "+1"),
        ("True", "True"),
        ("NaN", "NaN"),
        ("", ""),
        (" 1", " 1"),
        ("9" * 30, "9" * 30),
        ("[1]", "[1]"),
        ('"x"', '"x"'),
    ],
)
def test_an_unknown_text_field_is_what_its_json_literal_says(given_text: str, value: object, tmp_path: Path) -> None:
    body = fields_of(text("cfg_scale", given_text), text("options[cfg_scale]", given_text), folder=tmp_path)
    assert body == {"cfg_scale": value, "options": {"cfg_scale": value}}
    assert type(body["cfg_scale"]) is type(value)


@pytest.mark.parametrize("name", ["prompt", "seconds", "n", "strict", "user"])
def test_a_known_text_field_stays_text_for_its_own_parser(name: str, tmp_path: Path) -> None:
    assert fields_of(text(name, "42"), folder=tmp_path) == {name: "42"}


@pytest.mark.parametrize(
    ("given_text", "value"),
    [
        ('{"a": "1"}', {"a": "1"}),
        ('[{"id": "char_1"}]', [{"id": "char_1"}]),
        ("{broken", "{broken"),
        ('{"a": NaN}', '{"a": NaN}'),
        ("[" * 5000, "[" * 5000),
        ("42", "42"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_json_in_a_structured_text_field_is_read(given_text: str, value: object, tmp_path: Path) -> None:
    assert fields_of(text("metadata", given_text), folder=tmp_path) == {"metadata": value}


def test_a_file_is_told_by_its_field_and_its_filename_or_type(tmp_path: Path) -> None:
    body = fields_of(
        part('; name="image"', b"\x89", "Content-Type: image/png"),
        part('; name="video"; filename="x.txt"', b"\xff", "Content-Type: text/plain"),
        part('; name="prompt"; filename="prompt.txt"', b"a calm sea"),
        part('; name="input_reference"', b"https://example.com/a", "Content-Type: text/plain; charset=utf-8"),
        part('; name="reference_images[]"', b'{"file_id": "file_1"}', "Content-Type: application/json"),
        folder=tmp_path,
    )
    image, video = body["image"], body["video"]
    assert isinstance(image, Upload)
    assert isinstance(video, Upload)
    assert (image.path.read_bytes(), image.size, image.filename) == (b"\x89", 1, None)
    assert (video.path.read_bytes(), video.filename) == (b"\xff", "x.txt")
    assert body["prompt"] == "a calm sea"
    assert body["input_reference"] == "https://example.com/a"
    assert body["reference_images"] == [{"file_id": "file_1"}]


def test_a_file_is_the_same_however_its_bytes_arrive(tmp_path: Path) -> None:
    content = bytes(range(256)) * 9 + b"\r\n--limi\r\n--limit"[:9]
    body = file("image", content) + f"--{BOUNDARY}--\r\n".encode()
    hashes = set()
    for piece in (1, 2, 7, 64, 1 << 16):
        folder = tmp_path / str(piece)
        folder.mkdir()
        upload = read(MULTIPART["content-type"], body, folder, piece=piece)["image"]
        assert isinstance(upload, Upload)
        assert upload.path.read_bytes() == content
        hashes.add(upload.sha256)
    assert len(hashes) == 1
