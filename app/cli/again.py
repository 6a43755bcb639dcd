"""Answers that are none for the moment: what they say, and when to ask again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

_LONGEST_WAIT = 60.0  # seconds; a minute is what requests per minute are counted by


class AwayError(Exception):
    """The gateway did not answer just now; `pause` is for how many seconds it wants to be left alone."""

    def __init__(self, reason: str, pause: float = 0.0) -> None:
        super().__init__(reason)
        self.pause = pause


def present(answer: httpx.Response) -> httpx.Response:
    """Return an answer that is one. Raises AwayError for that of a gateway, or a proxy, that has none just now."""
    if answer.status_code == 429 or answer.is_server_error:  # noqa: PLR2004 - HTTP's own number
        raise AwayError(said(answer).rstrip("."), pause_of(answer, 0.0))
    return answer


def pause_of(answer: httpx.Response, otherwise: float) -> float:
    """Read for how many seconds to wait; a proxy may name a date instead."""
    told = answer.headers.get("retry-after", "")
    return min(float(told), _LONGEST_WAIT) if told.isdecimal() else otherwise


def said(answer: httpx.Response) -> str:
    """Return the gateway's own words, if they are its own."""
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"The gateway answered {answer.status_code}."
