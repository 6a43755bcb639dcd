"""Around every request: its id, its path, its end, and an answer when the fault is ours."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from app.api.middleware import RequestContext
from tests.api.refusals import capture_log, check_refusal

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

    from tests.serving import Running


async def run(app: Any, scope_type: str = "http") -> list[Message]:
    """Let RequestContext handle one request to the app, and return what it sent."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await RequestContext(app)(
        {"type": scope_type, "method": "POST", "path": "/x", "query_string": b"", "headers": []}, receive, send
    )
    return sent


async def test_a_fault_of_ours_is_answered_in_the_envelope_and_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise RuntimeError("the password is hunter2")

    capture = capture_log(monkeypatch)
    start, body = await run(app)
    assert start["status"] == 500
    error = json.loads(body["body"])["error"]
    assert (error["type"], error["code"], error["param"]) == ("server_error", "internal_error", None)
    assert "hunter2" not in error["message"]
    request_id = dict(start["headers"])[b"x-request-id"].decode()
    (entry,) = [each for each in capture.entries if each["event"] != "the client went away"]  # from another gateway
    assert (entry["log_level"], entry["request_id"], entry["exc_info"]) == ("error", request_id, True)


async def test_a_fault_in_the_middle_of_an_answer_is_logged_and_adds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("broken")

    capture = capture_log(monkeypatch)
    assert [message["type"] for message in await run(app)] == ["http.response.start"]
    assert [entry["log_level"] for entry in capture.entries] == ["error"]


async def test_what_is_no_request_passes_untouched() -> None:
    seen: list[str] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope["type"])

    await run(app, "lifespan")
    assert seen == ["lifespan"]


@pytest.mark.parametrize("given", ["mine", "a.b_c:d-9", "x" * 128])
def test_a_sane_request_id_is_kept(gateway: Running, given: str) -> None:
    assert gateway.http.get("/healthz", headers={"x-request-id": given}).headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "<script>", "é", "a;b"], ids=repr)
def test_any_other_request_id_is_replaced(gateway: Running, given: str) -> None:
    answer = gateway.http.get("/healthz", headers=[(b"x-request-id", given.encode())])
    assert answer.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize("path", ["/v1/videos/", "/v1/videos//", "/openai/v1/videos/", "/healthz/"])
def test_a_trailing_slash_is_answered_not_redirected(gateway: Running, path: str) -> None:
    assert gateway.http.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/healthz", "/readyz"])
def test_monitors_are_answered_by_head_as_by_get_without_a_body(gateway: Running, path: str) -> None:
    head, get = gateway.http.head(path), gateway.http.get(path)
    assert (head.status_code, head.headers["content-type"]) == (200, get.headers["content-type"])
    assert (head.headers["content-length"], head.content) == (str(len(get.content)), b"")


def test_every_answer_has_an_id_of_its_own(gateway: Running) -> None:
    first, second = (gateway.http.get("/v1/nope") for _ in range(2))
    check_refusal(first, 404, "not_found", None)
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
