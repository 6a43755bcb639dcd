"""Ids, queries, routes, methods and HTTP itself, misused."""

from __future__ import annotations

import json
import socket
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.api.refusals import capture_log, check_refusal, exchange, nothing_left

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.serving import Running

PREFIXES = ["/v1", "/openai/v1"]


@pytest.fixture(autouse=True)
def _nothing_left(gateway: Running) -> Iterator[None]:
    with nothing_left(gateway):
        yield


IDS = [
    "nothing",
    "video_",
    "video_" + "0" * 32,
    "file_" + "0" * 32,
    "char_" + "0" * 32,
    "key_" + "0" * 24,
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e",
    "..%5c..%5cwindows",
    "%00",
    "video_%00",
    "%ff%fe",
    "%ed%a0%80",
    "%u0041",
    "%",
    "%zz",
    quote("видео"),
    quote("\u202e\u0007"),
    "x" * 5000,
    "'; DROP TABLE video; --",
    "*",
    "null",
    "-1",
    "{}",
]


@pytest.mark.parametrize("given", IDS, ids=lambda given: given[:30])
@pytest.mark.parametrize(
    ("method", "path", "code", "param"),
    [
        ("GET", "/videos/{}", "video_not_found", "video_id"),
        ("DELETE", "/videos/{}", "video_not_found", "video_id"),
        ("POST", "/videos/{}/cancel", "video_not_found", "video_id"),
        ("POST", "/videos/{}/remix", "video_not_found", "video_id"),
        ("GET", "/videos/{}/content", "video_not_found", "video_id"),
        ("GET", "/videos/characters/{}", "character_not_found", "character_id"),
        ("GET", "/files/{}", "file_not_found", "file_id"),
        ("DELETE", "/files/{}", "file_not_found", "file_id"),
        ("GET", "/models/{}", "model_not_found", "model"),
        ("DELETE", "/keys/{}", "not_found", "key_id"),
    ],
)
def test_an_id_from_nowhere_is_not_found(
    gateway: Running, given: str, method: str, path: str, code: str, param: str
) -> None:
    for prefix in PREFIXES:
        body = {"json": {"prompt": "x"}} if path.endswith("remix") else {}
        answer = gateway.http.request(method, prefix + path.format(given), **body)  # type: ignore[arg-type]
        error = answer.json()["error"]
        if error["message"].startswith("Unknown route") and "%2" in given:  # a slash in an id makes another route of it
            check_refusal(answer, 404, "not_found", None, "Unknown route")
        else:
            check_refusal(answer, 404, code, param, "not found")


@pytest.mark.parametrize("given", ["../../link.secret", "..", "file_1/../../x", "", "x" * 100_000, "%00"], ids=repr)
def test_a_file_or_video_id_in_a_body_opens_no_path(gateway: Running, given: str) -> None:
    answer = gateway.http.post("/v1/videos", json={"prompt": "x", "input_reference": {"file_id": given}})
    if given:
        check_refusal(answer, 404, "file_not_found", "input_reference.file_id")
    else:
        check_refusal(answer, 400, "invalid_value", "input_reference")
    answer = gateway.http.post("/v1/videos/edits", json={"prompt": "x", "video": {"id": given}})
    if given:
        check_refusal(answer, 404, "video_not_found", "video")
    else:
        check_refusal(answer, 400, "invalid_value", "video")


def test_an_unknown_character_is_not_found(gateway: Running) -> None:
    answer = gateway.http.post("/v1/videos", json={"prompt": "x", "characters": [{"id": "char_" + "x" * 100_000}]})
    check_refusal(answer, 404, "character_not_found", "characters", "char_x")


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("limit=-1", "limit"),
        ("limit=101", "limit"),
        ("limit=abc", "limit"),
        ("limit=", "limit"),
        ("limit=1.5", "limit"),
        ("limit=1.0", "limit"),
        ("limit=%205", "limit"),
        ("limit=%00", "limit"),
        ("limit=" + "9" * 5000, "limit"),
        ("order=sideways", "order"),
        ("order=ASC", "order"),
        ("status=done", "status"),
        ("created_after=-1", "created_after"),
        ("created_before=yesterday", "created_before"),
        ("created_before=1e30", "created_before"),
        ("after=" + "x" * 300, "after"),
        ("model=" + "x" * 300, "model"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_malformed_filter_is_named(gateway: Running, prefix: str, query: str, param: str) -> None:
    check_refusal(gateway.http.get(f"{prefix}/videos?{query}"), 400, "invalid_value", param, f"Invalid {param}")


@pytest.mark.parametrize("after", ["garbage", "", "%00", "%ff", "%ed%a0%80", "video_1'--", "\u202e"], ids=repr)
def test_an_unknown_cursor_is_the_end_of_the_list(gateway: Running, after: str) -> None:
    answer = gateway.http.get(f"/v1/videos?after={after}")
    assert answer.status_code == 200
    assert answer.json() == {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("variant=gif", "variant"),
        ("variant=", "variant"),
        ("variant=../video", "variant"),
        ("index=99", "index"),
        ("index=-1", "index"),
        ("index=x", "index"),
        ("index=0.0", "index"),
        ("expires=x&signature=y", "expires"),
        ("expires=99999999999999999999&signature=y", "expires"),
        ("signature=" + "x" * 500, "signature"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_malformed_download_is_named(gateway: Running, query: str, param: str) -> None:
    answer = gateway.http.get(f"/v1/videos/video_1/content?{query}")
    check_refusal(answer, 400, "invalid_value", param, f"Invalid {param}")


@pytest.mark.parametrize("signature", ["", "x", "%00", "%ff", quote("é"), "0" * 64], ids=repr)
def test_a_forged_link_is_refused(gateway: Running, signature: str) -> None:
    answer = gateway.http.get(f"/v1/videos/video_1/content?expires=9999999999&signature={signature}")
    check_refusal(answer, 401, "invalid_api_key", None, "link")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "path",
    ["/nope", "/v1", "/v1/nope", "/openai/v1/nope", "/v2/videos", "/v1/videos/a/b/c", "/v1/chat/completions",
     "//v1/videos", "/v1//videos", "/.env", "/v1/%2e%2e/%2e%2e/etc/passwd", "/%00", "/%ff", "/videos",
     "/" + "a" * 20_000],
    ids=lambda path: path[:30],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PATCH", "OPTIONS"])
def test_an_unknown_route_is_not_found(gateway: Running, method: str, path: str) -> None:
    target = path.encode()
    head = b"%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % (method.encode(), target)
    status, headers, body = parsed(exchange(gateway, head))
    assert status == 404, body
    assert b"content-type: application/json" in headers
    error = json.loads(body)["error"]
    assert (error["code"], error["param"]) == ("not_found", None)
    assert method in error["message"]
    assert len(error["message"]) < 400


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/healthz", "GET, HEAD"),
        ("/openapi.json", "GET, HEAD"),
        ("/docs/files/nothing.css", "GET, HEAD"),
        ("{}/videos/edits", "POST"),
        ("{}/videos/characters", "POST"),
        ("{}/videos", "GET, POST"),
        ("{}/videos/", "GET, POST"),
        ("{}/videos/video_1", "GET, DELETE"),
        ("{}/videos/video_1/content", "GET, HEAD"),
        ("{}/videos/video_1/cancel", "POST"),
        ("{}/videos/video_1/remix", "POST"),
        ("{}/models", "GET"),
        ("{}/files", "POST"),
        ("{}/files/file_1", "GET, DELETE"),
        ("{}/keys", "GET, POST"),
        ("{}/keys/key_1", "GET, PATCH, DELETE"),
    ],
)
def test_a_wrong_method_is_told_every_right_one(gateway: Running, path: str, allowed: str) -> None:
    for prefix in PREFIXES if "{}" in path else [""]:
        for method in {"PUT", "PATCH", "TRACE", "OPTIONS", "PROPFIND"} - set(allowed.split(", ")):
            answer = gateway.http.request(method, path.format(prefix))
            check_refusal(answer, 405, "method_not_allowed", None, method, allowed)
            assert answer.headers["allow"] == allowed


def test_head_of_an_error_has_no_body(gateway: Running) -> None:
    answer = gateway.http.head("/v1/videos/video_1/content")
    assert (answer.status_code, answer.content) == (404, b"")


def parsed(answer: bytes) -> tuple[int, bytes, bytes]:
    """Take a raw answer apart: status, headers in lower case, body."""
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), head.lower(), body


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /v1/videos HTTP/1.0\r\n\r\n",
        b"GET /v1/videos HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET /v1/videos HTTP/1.1\r\nHost: x\r\nHost: y\r\nConnection: close\r\n\r\n",
        b"GET http://elsewhere/v1/videos HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /v1/videos HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\xfe\r\nConnection: close\r\n\r\n",
        b"GET /v1/videos HTTP/1.1\r\nHost: x\r\nX-Request-Id: \xff\x01<script>\r\nConnection: close\r\n\r\n",
        b"GET /v1/videos HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 50_000 + b"\r\nConnection: close\r\n\r\n",
        b"GET /v1/videos HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n",
        b"GET /v1/videos HTTP/1.1\r\nHost: x\r\nConnection: upgrade, close\r\nUpgrade: h2c\r\n\r\n",
    ],
    ids=lambda value: repr(value[:60]),
)
def test_odd_but_legal_http_is_served(gateway: Running, request_bytes: bytes) -> None:
    status, headers, _ = parsed(exchange(gateway, request_bytes))
    assert status == 200 or (status == 400 and b"\x01" in request_bytes)
    assert b"<script>" not in headers


_FROM = b"GET /v1/videos HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("host", [b"[::1", b"a b<c>.d", b"evil.example"])
def test_a_host_that_is_no_name_of_ours_is_refused_while_there_are_no_keys(gateway: Running, host: bytes) -> None:
    status, headers, body = parsed(exchange(gateway, _FROM % host))
    assert (status, json.loads(body)["error"]["code"]) == (403, "permission_denied")
    assert b"<c>" not in headers


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"nonsense\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /v1/videos HTTP/9.9\r\n\r\n",
        b"GET /v1/vid\xffeos HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nBad Header\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
        b"POST /v1/videos HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n",
        b"POST /v1/videos HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/videos HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"POST /v1/videos HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"POST /v1/videos HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/videos HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=lambda value: repr(value[:60]),
)
def test_what_is_no_http_gets_a_400_and_is_cut_off(gateway: Running, request_bytes: bytes) -> None:
    answer = exchange(gateway, request_bytes)
    assert parsed(answer)[0] == 400, answer[:500]


def test_a_client_that_leaves_in_the_middle_of_a_body_is_no_fault_of_ours(
    gateway: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture = capture_log(monkeypatch)
    head = b"POST /v1/videos HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: 1000\r\n\r\n"
    for kind in (b"application/json", b"multipart/form-data; boundary=limit"):
        with socket.create_connection((gateway.http.base_url.host, gateway.http.base_url.port or 80)) as line:
            line.sendall(head % kind + b"--limit\r\nContent-")
    deadline = time.monotonic() + 60
    while len(left := [each for each in capture.entries if each["event"] == "the client went away"]) < 2:
        assert time.monotonic() < deadline, capture.entries
        time.sleep(0.01)
    assert {each["log_level"] for each in left} == {"info"}
    assert not [each for each in capture.entries if each["log_level"] == "error"]


def test_a_nul_character_is_unknown_to_postgres_too(start_gateway: Callable[..., Running], postgres_url: str) -> None:
    http = start_gateway(database_url=postgres_url).http
    check_refusal(http.get("/v1/videos/video_%00"), 404, "video_not_found", "video_id", "not found")
    for query in ("after=%00", "model=%00"):
        answer = http.get(f"/v1/videos?{query}")
        assert (answer.status_code, answer.json()["data"]) == (200, [])
