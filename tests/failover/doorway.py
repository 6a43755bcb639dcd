"""The gateway's public address: passes callbacks on to it, and remembers what was answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request

    from tests.failover.system import System

_SIGNED = ("x-fal-webhook-request-id", "x-fal-webhook-user-id", "x-fal-webhook-timestamp", "x-fal-webhook-signature")


@dataclass(frozen=True)
class Passed:
    """A callback as it came, and the gateway's answer."""

    path: str
    headers: dict[str, str]
    body: bytes
    status: int


class Doorway:
    """A stand-in for the operator's own proxy; `app` is what to serve, and `url` where it is served."""

    def __init__(self, system: System) -> None:
        self._system = system
        self.passed: list[Passed] = []
        self.url = ""
        self.app = Starlette(routes=[Route("/{path:path}", self._pass, methods=["POST"])])

    async def _pass(self, request: Request) -> Response:
        headers = {name: request.headers[name] for name in _SIGNED if name in request.headers}
        body = await request.body()
        async with httpx.AsyncClient(base_url=self._system.gateway.url, timeout=60) as http:
            answer = await http.post(request.url.path, content=body, headers=headers)
        self.passed.append(Passed(request.url.path, headers, body, answer.status_code))
        return Response(answer.content, answer.status_code)

    def statuses(self, count: int = 1) -> list[int]:
        """Return what the gateway answered, in order, once there are so many: a job may end before they are here."""
        self._system.until(lambda: len(self.passed) >= count)
        return [each.status for each in self.passed]
