"""/callbacks: where providers tell of the end of a job. Not for clients."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from app.api import docs
from app.api.deps import Services
from app.domain.errors import GatewayError

router = APIRouter(tags=["callbacks"])

_LIMIT = 1 << 20  # bytes; a callback carries one result's JSON


@router.post(
    "/callbacks/{provider}/{submission_id}",
    responses=docs.errors("permission_denied", "not_found", "request_too_large"),
)
async def take_callback(provider: str, submission_id: str, request: Request, gateway: Services) -> JSONResponse:
    """Take a provider's signed callback; the job is then asked for, whatever the callback says."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LIMIT:
            raise GatewayError("request_too_large", f"A callback has at most {_LIMIT >> 20} MiB.")
    headers = {name.lower(): value for name, value in request.headers.items()}
    await gateway.callbacks.take(provider, submission_id, headers, bytes(body))
    return JSONResponse({"ok": True})
