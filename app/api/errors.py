"""Every error, whatever raised it, in OpenAI's envelope: {"error": {message, type, param, code}}."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from app.api.noted import note_error
from app.db.session import DatabaseUnavailable
from app.domain.errors import ERRORS, GatewayError, invalid
from app.media.errors import StoreFault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI, Request

log = structlog.get_logger()

# The SDKs retry 409, 429 and 5xx on their own; these answers would stay the same.
_PERMANENT = frozenset({"no_provider_configured"})
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
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
    if error.retry_after is not None:
        extra["Retry-After"] = str(error.retry_after)
    body = {
        "message": _sendable(error.message),
        "type": error.kind.type,
        "param": None if error.param is None else _sendable(error.param),
        "code": error.code,
    }
    return JSONResponse({"error": body}, error.kind.status, headers={**(headers or {}), **extra})


def _sendable(text: str) -> str:
    """Make what a client named fit for an answer: halves of surrogate pairs have no UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()


def internal_error() -> JSONResponse:
    """Answer a fault of ours without telling what it was; the log has it under the request id."""
    kind = ERRORS["internal_error"]
    message = "The gateway failed to handle this request. The x-request-id header finds it in the log."
    body = {"message": message, "type": kind.type, "param": None, "code": "internal_error"}
    return JSONResponse({"error": body}, kind.status)


def install(app: FastAPI) -> None:
    """Register the handlers."""

    @app.exception_handler(GatewayError)
    async def _gateway(request: Request, error: GatewayError) -> JSONResponse:
        return _answer(request, error, getattr(error, "headers", None))

    @app.exception_handler(DatabaseUnavailable)
    async def _database(request: Request, fault: DatabaseUnavailable) -> JSONResponse:
        log.error("the database fails", reason=str(fault), method=request.method, path=_path(request))
        message = "The gateway cannot reach its database, or cannot write to it, just now. Try again in a while."
        return _answer(request, GatewayError("storage_unavailable", message), {"Retry-After": "5"})

    @app.exception_handler(StoreFault)
    async def _storage(request: Request, fault: StoreFault) -> JSONResponse:
        log.error("the media store fails", reason=str(fault), method=request.method, path=_path(request))
        message = "The gateway cannot reach its media storage just now. Try again in a while."
        return _answer(request, GatewayError("storage_unavailable", message), {"Retry-After": "5"})

    @app.exception_handler(RequestValidationError)
    async def _validation(request: Request, error: RequestValidationError) -> JSONResponse:
        return _answer(request, _refusal(error.errors()[0]))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        code = _BY_STATUS.get(error.status_code, "invalid_value")
        headers = dict(error.headers or {})
        message = str(error.detail)
        if code == "not_found":
            message = f"Unknown route: {request.method} {_path(request)}. The API lives under /v1; see /docs."
        elif code == "method_not_allowed":
            headers["Allow"] = _allowed(request)
            message = f"{request.method} is not allowed on {_path(request)}. Allowed: {headers['Allow']}."
        return _answer(request, GatewayError(code, message), headers)


def _answer(request: Request, error: GatewayError, headers: Mapping[str, str] | None = None) -> JSONResponse:
    note_error(request.scope, error.code)
    return error_response(error, headers)


def _refusal(found: Mapping[str, Any]) -> GatewayError:
    """Say what FastAPI found wrong. `loc` is ("query", "limit"), ("body", "name"), or for broken JSON ("body", 17)."""
    names = [str(part) for part in found["loc"][1:] if isinstance(part, str)]
    if found["type"] == "json_invalid":
        return GatewayError("invalid_value", f"The request body is not valid JSON: {found['ctx']['error']}.")
    if not names:
        return GatewayError("invalid_value", "The request body must be a JSON object.")
    param = ".".join(names)
    if found["type"] == "missing":
        return GatewayError("missing_required_parameter", f"Missing required parameter: {param!r}.", param=param)
    return invalid(param, f"Invalid {param[:80]}: {found['msg']}.")


def _path(request: Request) -> str:
    return str(request.scope["path"])[:200]


def _allowed(request: Request) -> str:
    """Name every method of the path; the framework names only those of the first route that has it.

    /videos/edits is a path of its own, though /videos/{video_id} matches it too: the one with fewer parameters counts.
    """
    found: dict[str, set[str]] = {}
    for route in iter_route_contexts(request.app.routes):
        if route.path is not None and route.methods and compile_path(route.path)[0].match(request.scope["path"]):
            found.setdefault(route.path, set()).update(route.methods)
    methods = found[min(found, key=lambda path: path.count("{"))] if found else {"GET", "HEAD"}  # files are only read
    return ", ".join(method for method in _METHODS if method in methods)
