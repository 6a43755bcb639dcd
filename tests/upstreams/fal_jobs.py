"""One request in the queue of the fake fal.ai, and what fal says about it (fal.md §1.5 to §1.7)."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tests.upstreams.fal_models import app_of

if TYPE_CHECKING:
    from tests.upstreams.behaviour import Do
    from tests.upstreams.fal_outputs import Output

_POSITIONS = 3  # that a waiting job counts down from
_LOGS = 4


def new_id() -> str:
    """Make a UUIDv7, as recorded request ids are (fal.md §1.3)."""
    number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    number = number & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62
    return str(UUID(int=number))


def iso(moment: float) -> str:
    """Write a time as fal does."""
    return datetime.fromtimestamp(moment, UTC).isoformat()


@dataclass
class Ending:
    """How a job ended."""

    at: float
    status: int
    body: Any
    units: float
    error: str | None = None
    error_type: str | None = None

    def headers(self, request_id: str) -> dict[str, str]:
        """Return the headers of the result (fal.md §1.4)."""
        headers = {"x-fal-request-id": request_id, "x-fal-billable-units": repr(self.units)}
        if self.error_type:
            headers["x-fal-error-type"] = self.error_type
        if self.error_type == "request_timeout":
            headers["x-fal-request-timeout-type"] = "user"
        if self.status >= 400:
            headers["x-fal-retryable"] = headers["x-fal-needs-retry"] = "false"
        return headers

    def payload(self) -> bytes:
        """Return the result's bytes."""
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()


@dataclass
class Job:
    """A request from its submit on."""

    endpoint: str
    given: Any  # the body as it came
    values: dict[str, Any]  # with defaults
    base: str  # the URL by which the caller reached us
    at: float
    starts: float
    ends: float
    start_within: float = float("inf")  # s; X-Fal-Request-Timeout
    webhook: str | None = None
    stored: bool = True
    trouble: Do | None = None
    mistakes: list[dict[str, Any]] = field(default_factory=list)
    id: str = field(default_factory=new_id)
    ending: Ending | None = None
    output: Output | None = None
    media_path: str = ""
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def urls(self) -> dict[str, str]:
        """Return the three URLs, by app only."""
        url = f"{self.base}/{app_of(self.endpoint)}/requests/{self.id}"
        return {"response_url": url, "status_url": f"{url}/status", "cancel_url": f"{url}/cancel"}

    def submitted(self) -> dict[str, Any]:
        """Return the answer to the submit."""
        more = {"gateway_request_id": self.id} if self.webhook else {}
        return {
            "status": "IN_QUEUE",
            "request_id": self.id,
            **more,
            **self.urls(),
            "queue_position": self._position(self.at),
            "logs": None,
            "metrics": {},
        }

    def status(self, now: float, *, logs: bool) -> dict[str, Any]:
        """Return the status body."""
        body: dict[str, Any] = {"status": "IN_QUEUE", "request_id": self.id, **self.urls()}
        if self.ending:
            body |= {"status": "COMPLETED", "logs": self._logs(self.ending.at) if logs else None}
            body["metrics"] = {"inference_time": round(max(0.0, self.ending.at - self.starts), 3)}
            if self.ending.error:
                body["error"] = self.ending.error
            if self.ending.error_type:
                body["error_type"] = self.ending.error_type
            return body
        if now < self.starts:
            return {**body, "queue_position": self._position(now)}
        return {**body, "status": "IN_PROGRESS", "logs": self._logs(now) if logs else None}

    def _position(self, now: float) -> int:
        waited = (now - self.at) / max(self.starts - self.at, 1e-9)
        return max(0, _POSITIONS - 1 - int(waited * _POSITIONS))

    def _logs(self, now: float) -> list[dict[str, str]]:
        span = max(min(self.ends, self.starts + 60) - self.starts, 1e-9)
        seen = min(_LOGS, 1 + int((now - self.starts) / span * _LOGS))
        return [
            {
                "message": f"step {number + 1}/{_LOGS}",
                "timestamp": iso(self.starts + span * number / _LOGS),
                "level": "INFO",
                "source": "USER",
            }
            for number in range(seen)
        ]
