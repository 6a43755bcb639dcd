"""Bodies that are no JSON object, or one that nobody should send."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.api.refusals import JSON, check_refusal, nothing_left

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.serving import Running


@pytest.fixture(autouse=True)
def _nothing_left(gateway: Running) -> Iterator[None]:
    with nothing_left(gateway):
        yield


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"{'prompt': 'x'}",
        b'{"prompt": "x",}',
        b'{"prompt": "x"} trailing',
        b'{"prompt": undefined}',
        b'{"prompt": "x", "seconds": NaN}',
        b'{"prompt": "x", "seconds": Infinity}',
        b'{"prompt": "x", "cfg": -Infinity}',
        b'{"prompt": "x", "cfg": 1e999}',
        b'{"prompt": "x", "cfg": -1e999}',
        b'{"prompt": "x", "seed": ' + b"9" * 5000 + b"}",
        b'{"prompt": "\xff\xfe"}',
        b'{"prompt": "\xed\xa0\x80"}x',
        b"\x00\x01\x02",
        b"prompt=x",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"prompt": "x", "a": ' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"prompt": "x", "a": ' + b"[" * 70 + b"]" * 70 + b"}",
        b'{"prompt": "x", "a": [' + b"0," * 300_000 + b"0]}",
        b"[]",
        b'"prompt"',
        b"null",
        b"42",
    ],
    ids=lambda body: repr(body[:30]),
)
@pytest.mark.parametrize("path", ["/v1/videos", "/v1/videos/edits"])
def test_a_body_that_is_no_sane_json_object_is_refused_as_such(gateway: Running, body: bytes, path: str) -> None:
    answer = gateway.http.post(path, content=body, headers=JSON)
    check_refusal(answer, 400, "invalid_value", None, "request body")
    assert "sys." not in answer.text, "Python's own words are of no use to a client"


@pytest.mark.parametrize("body", [b"", b" \r\n ", b"{}", b"\xef\xbb\xbf{}", "{}".encode("utf-16")], ids=repr)
def test_an_empty_request_lacks_its_prompt(gateway: Running, body: bytes) -> None:
    answer = gateway.http.post("/v1/videos", content=body, headers=JSON)
    check_refusal(answer, 400, "missing_required_parameter", "prompt", "prompt")


def test_the_last_of_two_equal_keys_counts(gateway: Running) -> None:
    answer = gateway.http.post("/v1/videos", content=b'{"prompt": "x", "prompt": 5}', headers=JSON)
    check_refusal(answer, 400, "invalid_value", "prompt", "a number")


@pytest.mark.parametrize(
    "declared",
    [
        "application/x-www-form-urlencoded",
        "text/plain",
        "application/xml",
        "multipart/mixed; boundary=x",
        "image/png",
        "x" * 4000,
        "json",
        ";",
        "application/json-seq",
    ],
    ids=lambda declared: declared[:40],
)
def test_other_content_types_are_refused_with_415(gateway: Running, declared: str) -> None:
    answer = gateway.http.post("/v1/videos", content=b'{"prompt": 5}', headers={"content-type": declared})
    if declared == ";":
        check_refusal(answer, 400, "invalid_value", "prompt")
    else:
        check_refusal(answer, 415, "unsupported_media_type", None, "application/json", "multipart/form-data")


@pytest.mark.parametrize(
    "declared", ["application/json; charset=latin-1", "APPLICATION/JSON", "application/x+json", ""]
)
def test_json_is_read_under_every_name_of_it(gateway: Running, declared: str) -> None:
    answer = gateway.http.post("/v1/videos", content=b'{"prompt": 5}', headers={"content-type": declared})
    check_refusal(answer, 400, "invalid_value", "prompt", "expected a string")


def test_a_body_without_a_content_type_is_read_as_json(gateway: Running) -> None:
    check_refusal(gateway.http.post("/v1/videos", content=b'{"prompt": 5}'), 400, "invalid_value", "prompt")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (rb'{"prompt": "a\u0000b"}', "prompt"),
        (rb'{"prompt": "a\ud800b"}', "prompt"),
        (rb'{"prompt": "x", "metadata": {"k": "\udc00"}}', "metadata"),
        (rb'{"prompt": "x", "metadata": {"\ud800": "v"}}', "metadata"),
        (rb'{"prompt": "x", "metadata": {"\u0000": "v"}}', "metadata"),
        (rb'{"prompt": "x", "model": "\u0000"}', "model"),
        (rb'{"prompt": "x", "user": "\ud83d"}', "user"),
        (rb'{"prompt": "x", "loras": [{"path": ["\u0000"]}]}', "loras"),
        (rb'{"prompt": "x", "input_reference": {"file_id": "\u0000"}}', "input_reference"),
        (rb'{"prompt": "x", "idempotency_key": "\u0000"}', "idempotency_key"),
    ],
    ids=repr,
)
def test_nul_and_half_surrogates_are_refused_wherever_they_are(gateway: Running, body: bytes, param: str) -> None:
    check_refusal(gateway.http.post("/v1/videos", content=body, headers=JSON), 400, "invalid_value", param, "contains")


def test_a_field_named_by_half_a_surrogate_is_answered_in_words_that_can_be_sent(gateway: Running) -> None:
    answer = gateway.http.post("/v1/videos", content=rb'{"prompt": "x", "\ud800": 1}', headers=JSON)
    check_refusal(answer, 400, "invalid_value", r"\ud800", "surrogate")


def test_a_field_with_an_enormous_name_is_not_echoed_whole(gateway: Running) -> None:
    answer = gateway.http.post("/v1/videos", json={"prompt": "x", "a" * 1_000_000: "\0"})
    check_refusal(answer, 400, "invalid_value", "a" * 80)


def test_an_emoji_of_two_escapes_is_no_half_surrogate(gateway: Running) -> None:
    body = rb'{"prompt": "\ud83c\udf0a", "n": 0}'
    check_refusal(gateway.http.post("/v1/videos", content=body, headers=JSON), 400, "invalid_value", "n")


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        (b"{", "invalid_value", None),
        (b"", "missing_required_parameter", "name"),
        (b"[]", "invalid_value", None),
        (b"[" * 100_000, "invalid_value", None),
        (b"{}", "missing_required_parameter", "name"),
        (b'{"name": 5}', "invalid_value", "name"),
        (b'{"name": ""}', "invalid_value", "name"),
        (rb'{"name": "\ud800"}', "invalid_value", "name"),
        (b'{"name": "a", "role": "god"}', "invalid_value", "role"),
        (b'{"name": "a", "rol": "admin"}', "invalid_value", "rol"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_malformed_key_request_names_its_field(gateway: Running, body: bytes, code: str, param: str | None) -> None:
    check_refusal(gateway.http.post("/v1/keys", content=body, headers=JSON), 400, code, param)


@pytest.mark.parametrize("path", ["/v1/keys", "/v1/videos"])
def test_broken_json_is_called_so_on_every_route(gateway: Running, path: str) -> None:
    answer = gateway.http.post(path, content=b'{"name": "x",', headers=JSON)
    check_refusal(answer, 400, "invalid_value", None, "not valid JSON", "Expecting property name")
