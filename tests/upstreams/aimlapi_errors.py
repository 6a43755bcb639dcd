"""AI/ML API's two error envelopes and its texts: reference/aimlapi.md section 4.

Each text is a function that gives a body, for the fake's own refusals and for `behaviour.answer(status, body)`.
"""

from __future__ import annotations

from typing import Any, Literal

Form = Literal[1, 2]
PATH = "/v2/video/generations"
_TIME = "2026-11-20T10:00:00.000Z"
_TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}


def error(status: int, *messages: str, form: Form = 2, kind: str | None = None, path: str = PATH) -> dict[str, Any]:
    """Build an error body: form 1 is of the older docs, form 2 was seen in 2026; its message can be a list."""
    text = "; ".join(messages)
    if form == 1:
        return {"message": text, "path": path, "requestId": "req-1", "statusCode": status, "timestamp": _TIME}
    title = _TITLES.get(status, "Error")
    inner: dict[str, Any] = {"name": f"{title.replace(' ', '')}Exception", "message": text}
    return {
        "title": title,
        "status": status,
        "message": list(messages) if len(messages) > 1 else text,
        "instance": f"{path}?",
        "timestamp": _TIME,
        "requestId": "req-1",
        "error": {**inner, "data": {"kind": kind}} if kind else inner,
    }


def invalid(*messages: str, form: Form = 2) -> dict[str, Any]:
    """400: the body is refused."""
    return error(400, "Body validation error!", *messages, form=form)


def no_key(form: Form = 2) -> dict[str, Any]:
    """401: no key, or a wrong one."""
    text = "This request requires a valid API key. You can create a new API key on the billing page."
    return error(401, text, form=form)


def out_of_credits(form: Form = 2) -> dict[str, Any]:
    """403: the balance does not cover the hold; the kind is spelt so."""
    text = "You've run out of credits. Please top up your balance to continue."
    return error(403, text, form=form, kind="err_insufficent_credits")


def not_found(form: Form = 2) -> dict[str, Any]:
    """404: unknown generation; also seen for accepted ones (S4)."""
    return error(404, "Inference not found", form=form)


def too_many(form: Form = 2) -> dict[str, Any]:
    """429: rate or concurrency limit."""
    return error(429, "Too Many Requests", form=form)


def upstream(status: int, text: str, form: Form = 2) -> dict[str, Any]:
    """500 that carries the partner's own answer as text within its message."""
    return error(500, f"{status} {text}", form=form)
