"""Multipart bodies that are broken, excessive or contradict themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.api.refusals import MULTIPART, check_refusal, file, nothing_left, part, post_parts, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.serving import Running

END = b"--limit--\r\n"
PROMPT = text("prompt", "a calm sea")


@pytest.fixture(autouse=True)
def _nothing_left(gateway: Running) -> Iterator[None]:
    with nothing_left(gateway):
        yield


@pytest.mark.parametrize(
    ("content_type", "word"),
    [
        ("multipart/form-data", "boundary"),
        ("multipart/form-data; boundary=", "boundary"),
        ('multipart/form-data; boundary=""', "boundary"),
        ("multipart/form-data; boundry=limit", "boundary"),
        ("multipart/form-data; boundary=other", "malformed"),
        ("multipart/form-data; boundary=" + "b" * 300, "malformed"),
        ("MULTIPART/Form-Data; boundary=l\xefmit", "malformed"),
    ],
)
def test_a_boundary_that_is_missing_or_wrong_is_named(gateway: Running, content_type: str, word: str) -> None:
    headers = {"content-type": content_type.encode("latin-1")}
    answer = gateway.http.post("/v1/videos", content=PROMPT + END, headers=headers)  # type: ignore[arg-type]
    check_refusal(answer, 400, "invalid_value", None, word)


@pytest.mark.parametrize("cut", [1, 7, 20, 55, 60, -5, -9, -11], ids=str)
def test_a_body_that_ends_early_is_refused_wherever_it_ends(gateway: Running, cut: int) -> None:
    whole = PROMPT + file("input_reference", b"\x89PNG") + END
    answer = gateway.http.post("/v1/videos", content=whole[:cut], headers=MULTIPART)
    check_refusal(answer, 400, "invalid_value", None, "truncated")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"prompt=x",
        b'{"prompt": "x"}',
        END,
        b"--limit\r\nno colon here\r\n\r\nx\r\n" + END,
        b"--limit\nContent-Disposition: form-data; name=prompt\n\nx\n--limit--\n",
        part('; name="prompt"', b"x", "X-Long: " + "a" * 10_000) + END,
        part('; name="prompt"', b"x", *[f"X-{number}: 1" for number in range(50)]) + END,
        part('; name="' + "p" * 10_000 + '"', b"x") + END,
        part("", b"x") + END,
        part('; filename="x.png"', b"x") + END,
        part("; nome=prompt", b"x") + END,
        b"--limit\r\nContent-Type: text/plain\r\n\r\nx\r\n" + END,
    ],
    ids=lambda body: repr(body[:50]),
)
def test_a_malformed_multipart_body_is_refused(gateway: Running, body: bytes) -> None:
    answer = gateway.http.post("/v1/videos", content=body, headers=MULTIPART)
    if body == END:  # a form without fields is a form
        check_refusal(answer, 400, "missing_required_parameter", "prompt")
    else:
        check_refusal(answer, 400, "invalid_value", None, "multipart body")


def test_a_thousand_fields_are_too_many(gateway: Running) -> None:
    answer = post_parts(gateway, PROMPT, *[text(f"field{number}", "x") for number in range(1000)])
    check_refusal(answer, 400, "invalid_value", None, "128")


def test_more_than_20_files_are_too_many(gateway: Running) -> None:
    answer = post_parts(gateway, PROMPT, *[file("reference_images[]", b"x") for _ in range(21)])
    check_refusal(answer, 400, "invalid_value", None, "Too many parts", "20")
    answer = post_parts(gateway, PROMPT, *[file("reference_images[]", b"x") for _ in range(20)])
    check_refusal(answer, 400, "invalid_image", "reference_images")


@pytest.mark.parametrize("name", ["prompt", "model", "seconds", "n", "metadata", "extra"])
def test_a_file_in_a_text_field_is_refused(gateway: Running, name: str) -> None:
    answer = post_parts(gateway, file(name, b"\x89PNG\xff\xfe"))
    check_refusal(answer, 400, "invalid_value", name, "UTF-8")


@pytest.mark.parametrize("name", ["input_reference", "image", "reference_images", "input_video", "video"])
def test_text_in_a_file_field_must_name_a_source(gateway: Running, name: str) -> None:
    answer = post_parts(gateway, PROMPT, text(name, "sunset.png"))
    check_refusal(answer, 400, "invalid_value", name, "https URL", "data URI", "sunset.png")


@pytest.mark.parametrize("path", ["/v1/files", "/v1/videos/characters"])
def test_text_where_a_file_must_be_is_refused(gateway: Running, path: str) -> None:
    field = "file" if path == "/v1/files" else "video"
    answer = post_parts(gateway, text("name", "Nemo"), text(field, "https://example.com/x"), path=path)
    check_refusal(answer, 400, "invalid_value", field, "file part")
    check_refusal(post_parts(gateway, text("name", "Nemo"), path=path), 400, "missing_required_parameter", field)


@pytest.mark.parametrize(
    ("parts", "code", "param"),
    [
        ([("video[id]", "video_1"), ("video", "https://example.com/v.mp4")], "conflicting_parameters", "video"),
        ([("video", "https://example.com/v.mp4"), ("video[id]", "video_1")], "conflicting_parameters", "video"),
        ([("video[id]", "video_1"), ("video[]", "x")], "conflicting_parameters", "video"),
        ([("video[0]", "x"), ("video[id]", "video_1")], "conflicting_parameters", "video"),
        ([("extra[a][b]", "1"), ("extra[a]", "2")], "conflicting_parameters", "extra"),
        ([("video[id", "x")], "invalid_value", "video"),
        ([("video]id[", "x")], "invalid_value", "video]id"),
        ([("video[[id]]", "x")], "invalid_value", "video"),
        ([("video[id]x", "x")], "invalid_value", "video"),
        ([("extra" + "[a]" * 9, "x")], "invalid_value", "extra"),
        ([("extra" + "[a]" * 1000, "x")], "invalid_value", "extra"),
        ([("[a]", "x")], "invalid_value", ""),
        ([("", "x")], "invalid_value", ""),
        ([("prompt[]", "x")], "invalid_value", "prompt"),
        ([("prompt[a]", "x")], "invalid_value", "prompt"),
        ([("seconds", "4"), ("seconds", "8")], "invalid_value", "seconds"),
        ([("n[][][]", "1")], "invalid_value", "n"),
        ([("metadata[]", "x")], "invalid_value", "metadata"),
        ([("metadata[a][b]", "x")], "invalid_value", "metadata.a"),
        ([("metadata", "{broken")], "invalid_value", "metadata"),
        ([("metadata", '{"a": 1e999}')], "invalid_value", "metadata"),
        ([("characters[\u00b2]", "x")], "invalid_value", "characters"),
        ([("input_reference[99999]", "x")], "invalid_value", "input_reference"),
    ],
    ids=repr,
)
def test_contradicting_or_absurd_names_are_refused(
    gateway: Running, parts: list[tuple[str, str]], code: str, param: str
) -> None:
    given = {name for name, _ in parts}
    prompt = [] if any(name.startswith("prompt") for name in given) else [PROMPT]
    answer = post_parts(gateway, *prompt, *[text(name, value) for name, value in parts])
    check_refusal(answer, 400, code, param)


@pytest.mark.parametrize("value", [b"\xff\xfe", b"\xed\xa0\x80", b"a\x00b", b"\x80"], ids=repr)
@pytest.mark.parametrize("name", ["prompt", "user", "metadata[k]", "extra"])
def test_text_that_is_not_utf8_or_has_nul_is_refused(gateway: Running, name: str, value: bytes) -> None:
    prompt = [] if name == "prompt" else [PROMPT]
    answer = post_parts(gateway, *prompt, text(name, value))
    check_refusal(answer, 400, "invalid_value", answer.json()["error"]["param"])
    assert answer.json()["error"]["param"].startswith(name.partition("[")[0])


def test_a_name_that_is_not_utf8_is_answered(gateway: Running) -> None:
    answer = post_parts(gateway, _raw_name(b"\xff\xfe"))
    check_refusal(answer, 400, "missing_required_parameter", "prompt")


def _raw_name(name: bytes) -> bytes:
    return b'--limit\r\nContent-Disposition: form-data; name="' + name + b'"\r\n\r\nx\r\n'


def test_a_part_named_with_nul_is_refused(gateway: Running) -> None:
    answer = post_parts(gateway, PROMPT, _raw_name(b"a\x00b"))
    check_refusal(answer, 400, "invalid_value", "a\0b", "NUL")


@pytest.mark.parametrize("filename", ["../../etc/passwd", "C:\\x\\y.png", "a" * 3000, "\u202egnp.exe", ""], ids=repr)
def test_a_hostile_filename_goes_nowhere(gateway: Running, filename: str) -> None:
    answer = post_parts(gateway, PROMPT, file("input_reference", b"no picture", filename))
    check_refusal(answer, 400, "invalid_image", "input_reference")


def test_an_untouched_file_field_of_a_browser_is_no_file(gateway: Running) -> None:
    answer = post_parts(gateway, text("prompt", ""), file("input_reference", b"", ""))
    check_refusal(answer, 400, "missing_required_parameter", "prompt")


@pytest.mark.parametrize("field", ["input_reference", "input_video"])
def test_an_empty_file_that_has_a_name_is_refused(gateway: Running, field: str) -> None:
    answer = post_parts(gateway, PROMPT, file(field, b"", "picture.png"))
    check_refusal(answer, 400, "invalid_value", field, "empty")


def test_a_malformed_body_leaves_no_loose_line_in_the_log(gateway: Running, caplog: pytest.LogCaptureFixture) -> None:
    check_refusal(post_parts(gateway, b"--nonsense\r\n"), 400, "invalid_value", None)
    assert caplog.records == []
