"""`/_fake/…`: look into and steer a fake upstream that runs in another process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import TypeAdapter
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.upstreams.behaviour import Rule

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from tests.upstreams.behaviour import Rules
    from tests.upstreams.clock import Clock
    from tests.upstreams.ledger import Ledger

_RULES = TypeAdapter(list[Rule])


def control_routes(ledger: Ledger, rules: Rules, clock: Clock, reset: Callable[[], None]) -> list[Route]:
    """Make the routes; `reset` forgets what the fake keeps besides its ledger and rules."""

    async def show(_request: Request) -> JSONResponse:
        return JSONResponse(ledger.snapshot())

    async def add(request: Request) -> JSONResponse:
        rules.add(*_RULES.validate_python(await request.json()))
        return await pending(request)

    async def pending(_request: Request) -> JSONResponse:
        return JSONResponse([rule.model_dump(mode="json") for rule in rules.pending()])

    async def start_over(_request: Request) -> JSONResponse:
        reset()
        rules.clear()
        ledger.clear()
        return JSONResponse({})

    async def advance(request: Request) -> JSONResponse:
        clock.advance(float((await request.json())["seconds"]))
        return JSONResponse({"now": clock.now()})

    return [
        Route("/_fake/ledger", show),
        Route("/_fake/rules", pending),
        Route("/_fake/rules", add, methods=["POST"]),
        Route("/_fake/reset", start_over, methods=["POST"]),
        Route("/_fake/advance", advance, methods=["POST"]),
    ]
