"""What can go wrong for a client, and how each case is answered.

GatewayError            the one error every layer raises for a client; `api.errors` turns it into OpenAI's envelope
ERRORS                  every code there is, with its HTTP status and OpenAI error type (API contract, section 1)

409, 429 and 5xx are retried blindly by the OpenAI SDKs, so a permanent error never has one of these statuses.
"""

from __future__ import annotations

from typing import NamedTuple


class ErrorKind(NamedTuple):
    """How an error code is answered over HTTP."""

    status: int
    type: str


_INVALID = "invalid_request_error"

ERRORS: dict[str, ErrorKind] = {
    "invalid_value": ErrorKind(400, _INVALID),
    "missing_required_parameter": ErrorKind(400, _INVALID),
    "unsupported_value": ErrorKind(400, _INVALID),
    "conflicting_parameters": ErrorKind(400, _INVALID),
    "unsupported_mode": ErrorKind(400, _INVALID),
    "invalid_image": ErrorKind(400, _INVALID),
    "invalid_video": ErrorKind(400, _INVALID),
    "url_not_allowed": ErrorKind(400, _INVALID),
    "missing_api_key": ErrorKind(401, "authentication_error"),
    "invalid_api_key": ErrorKind(401, "authentication_error"),
    "budget_exceeded": ErrorKind(402, "insufficient_quota"),
    "permission_denied": ErrorKind(403, "permission_error"),
    "video_not_found": ErrorKind(404, _INVALID),
    "video_not_ready": ErrorKind(404, _INVALID),
    "model_not_found": ErrorKind(404, _INVALID),
    "file_not_found": ErrorKind(404, _INVALID),
    "character_not_found": ErrorKind(404, _INVALID),
    "not_found": ErrorKind(404, _INVALID),
    "method_not_allowed": ErrorKind(405, _INVALID),
    "request_too_large": ErrorKind(413, _INVALID),
    "unsupported_media_type": ErrorKind(415, _INVALID),
    "range_not_satisfiable": ErrorKind(416, _INVALID),
    "idempotency_mismatch": ErrorKind(422, _INVALID),
    "rate_limit_exceeded": ErrorKind(429, "rate_limit_error"),
    "concurrency_limit_exceeded": ErrorKind(429, "rate_limit_error"),
    "internal_error": ErrorKind(500, "server_error"),
    "storage_unavailable": ErrorKind(503, "server_error"),
    "overloaded": ErrorKind(503, "server_error"),
    "provider_unavailable": ErrorKind(503, "upstream_error"),
    "no_provider_configured": ErrorKind(503, "upstream_error"),
}


class GatewayError(Exception):
    """A refusal with a message for the client: what was wrong, and what would work.

    `param` names the request field in the client's own words, or is None when no field is at fault; `retry_after` is
    the seconds after which the same request may be accepted.
    """

    def __init__(self, code: str, message: str, *, param: str | None = None, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param
        self.retry_after = retry_after
        self.kind = ERRORS[code]


def missing(param: str) -> GatewayError:
    """Build the refusal of a request without a field that it needs."""
    return GatewayError("missing_required_parameter", f"Missing required parameter: {param!r}.", param=param)


def invalid(param: str, message: str) -> GatewayError:
    """Build the commonest refusal: this field's value is malformed."""
    return GatewayError("invalid_value", message, param=param)
