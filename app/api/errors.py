"""Every error, whatever raised it, in OpenAI's envelope: {"error": {message, type, param, code}}."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from app.domain.errors import ERRORS, GatewayError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI, Request

log = structlog.get_logger()

# The SDKs retry 409, 429 and 5xx on their own; these answers would stay the same.
_PERMANENT = frozenset({"no_provider_configured"})
_BY_STATUS = {
    401: "invalid_api_key",
    404: "not_found",
    405: "method_not_allowed",
    413: "request_too_large",
    415: "unsupported_media_type",
}


def error_response(error: GatewayError, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Put an error into the envelope."""
    extra = {"x-should-retry": "false"} if error.code in _PERMANENT else {}
    if error.code in ("missing_api_key", "invalid_api_key"):
        extra["www-authenticate"] = "Bearer"
    body = {"message": error.message, "type": error.kind.type, "param": error.param, "code": error.code}
    return JSONResponse({"error": body}, error.kind.status, headers={**(headers or {}), **extra})


def internal_error() -> JSONResponse:
    """Answer a fault of ours without telling what it was; the log has it under the request id."""
    kind = ERRORS["internal_error"]
    message = "The gateway failed to handle this request. The x-request-id header finds it in the log."
    body = {"message": message, "type": kind.type, "param": None, "code": "internal_error"}
    return JSONResponse({"error": body}, kind.status)


def install(app: FastAPI) -> None:
    """Register the handlers."""

    @app.exception_handler(GatewayError)
    async def _gateway(_request: Request, error: GatewayError) -> JSONResponse:
        return error_response(error)

    @app.exception_handler(RequestValidationError)
    async def _validation(_request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        param = str(first["loc"][-1])
        return error_response(GatewayError("invalid_value", f"Invalid {param}: {first['msg']}.", param=param))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        code = _BY_STATUS.get(error.status_code, "invalid_value")
        if code == "not_found":
            message = f"Unknown route: {request.method} {request.url.path[:200]}. The API lives under /v1; see /docs."
        elif code == "method_not_allowed":
            allowed = (error.headers or {}).get("Allow", "")
            message = f"{request.method} is not allowed on {request.url.path[:200]}. Allowed: {allowed}."
        else:
            message = str(error.detail)
        return error_response(GatewayError(code, message), error.headers)
