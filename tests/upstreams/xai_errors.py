"""xAI's error bodies: the three forms of reference/xai.md section 4.2 and the texts that are known.

Each is a body, for the fake's own refusals and for `behaviour.answer(status, body)`.
"""

from __future__ import annotations

from typing import Any, Literal

Form = Literal["main", "nested", "bare"]
INVALID = "invalid-argument"  # section 3.1, `output`
ZERO_RETENTION = "Zero Data Retention teams must provide output.upload_url for video generation."
REJECTED = "Generated video rejected by content moderation."  # section 4.1


class Refused(Exception):
    """A submit is refused."""

    def __init__(self, status: int, text: str, code: str = INVALID) -> None:
        super().__init__(text)
        self.status, self.text, self.code = status, text, code


def error(code: str, text: str, form: Form = "main") -> dict[str, Any]:
    """Build an error body."""
    match form:
        case "main":
            return {"code": code, "error": text}
        case "nested":
            return {"error": {"message": text, "type": "invalid_request_error", "param": None, "code": code}}
        case "bare":
            return {"error": text}


def rejected(ticks: int, *, coded: bool = False) -> dict[str, Any]:
    """Build moderation's third shape; `coded` is how third parties' adapters of 2026 see it."""
    code = "imagine:content-moderated" if coded else "Client specified an invalid argument"
    return {**error(code, REJECTED), "usage": {"cost_in_usd_ticks": ticks}}
