"""What is noted of a request for the request log, from when its key is known until it is answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.db.request_log import Entry

if TYPE_CHECKING:
    from fastapi import Request
    from starlette.types import Scope

    from app.services.request_log import RequestLog

_READS = ("GET", "HEAD")


@dataclass(slots=True)
class Noted:
    """A request under way. `at` is when it came, in unix seconds; the route is known by its end."""

    log: RequestLog
    owner: str
    at: float
    model: str | None = None
    video_id: str | None = None
    error_code: str | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """How a request was answered: `id` is ours, `request_id` what its x-request-id says."""

    id: str
    request_id: str
    status: int
    milliseconds: float


def begin(request: Request, log: RequestLog, owner: str, now: float) -> None:
    """Note a request, unless it only reads; from here on it will be in the log."""
    if log.kept and request.method not in _READS:
        request.state.noted = Noted(log, owner, now)


def forget(request: Request) -> None:
    """Leave a request out of the log after all: it makes nothing."""
    request.state.noted = None


def note(request: Request, *, model: str | None = None, video_id: str | None = None) -> None:
    """Note which model is asked for, or which video it is about: one that was found to be the caller's."""
    noted = _of(request.scope)
    if noted:
        noted.model, noted.video_id = model or noted.model, video_id or noted.video_id


def note_error(scope: Scope, code: str) -> None:
    """Note with which code it is refused."""
    noted = _of(scope)
    if noted:
        noted.error_code = code


def finish(scope: Scope, answered: Answered) -> None:
    """Hand the request to the log, if it was noted."""
    noted = _of(scope)
    if noted:
        noted.log.add(
            Entry(
                id=answered.id,
                request_id=answered.request_id,
                owner=noted.owner,
                at=noted.at,
                method=scope["method"],
                route=f"/v1{scope['route'].path}",  # the same under either prefix
                status=answered.status,
                error_code=noted.error_code,
                duration_ms=answered.milliseconds,
                model=noted.model,
                video_id=noted.video_id,
            )
        )


def _of(scope: Scope) -> Noted | None:
    found: Noted | None = scope.get("state", {}).get("noted")
    return found
