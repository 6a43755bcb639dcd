"""The refusals: their codes, statuses and types, as the API promises them."""

from __future__ import annotations

import pytest

from app.domain.errors import ERRORS, GatewayError, invalid

TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    404: "invalid_request_error",
    405: "invalid_request_error",
    413: "invalid_request_error",
    415: "invalid_request_error",
    416: "invalid_request_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
    500: "server_error",
    502: "upstream_error",
    503: "upstream_error",
}
# A retry may help with these and nothing else: OpenAI's SDKs repeat 409, 429 and 5xx blindly.
WORTH_A_RETRY = {
    "rate_limit_exceeded",
    "concurrency_limit_exceeded",
    "provider_unavailable",
    "internal_error",
    "storage_unavailable",
    "overloaded",
    "no_provider_configured",
}
STATUSES = {
    "invalid_value": 400,
    "missing_required_parameter": 400,
    "unsupported_value": 400,
    "conflicting_parameters": 400,
    "unsupported_mode": 400,
    "invalid_image": 400,
    "invalid_video": 400,
    "url_not_allowed": 400,
    "missing_api_key": 401,
    "invalid_api_key": 401,
    "permission_denied": 403,
    "video_not_found": 404,
    "video_not_ready": 404,
    "model_not_found": 404,
    "file_not_found": 404,
    "not_found": 404,
    "method_not_allowed": 405,
    "request_too_large": 413,
    "unsupported_media_type": 415,
    "range_not_satisfiable": 416,
    "idempotency_mismatch": 422,
    "internal_error": 500,
    "storage_unavailable": 503,
    "overloaded": 503,
    "no_provider_configured": 503,
}


@pytest.mark.parametrize(("code", "status"), STATUSES.items())
def test_a_code_has_the_status_that_the_api_promises(code: str, status: int) -> None:
    assert ERRORS[code].status == status


@pytest.mark.parametrize("code", ERRORS)
def test_a_status_has_one_type_and_a_retryable_one_a_reason(code: str) -> None:
    kind = ERRORS[code]
    ours = code in ("storage_unavailable", "overloaded")  # no provider's, though it may pass as quickly
    assert kind.type == ("server_error" if ours else TYPES[kind.status])
    assert (kind.status in (409, 429) or kind.status >= 500) <= (code in WORTH_A_RETRY)


def test_an_error_carries_what_the_envelope_shows() -> None:
    error = GatewayError("video_not_found", "No such video.", param="video_id")
    assert (error.code, error.message, error.param) == ("video_not_found", "No such video.", "video_id")
    assert error.kind == (404, "invalid_request_error")
    assert str(error) == "No such video."
    assert GatewayError("internal_error", "Oh.").param is None


def test_an_error_without_a_place_in_the_table_cannot_be_made() -> None:
    with pytest.raises(KeyError):
        GatewayError("made_up", "Oh.")


def test_the_commonest_refusal_is_of_a_malformed_value() -> None:
    error = invalid("n", "Invalid n.")
    assert (error.code, error.message, error.param, error.kind.status) == ("invalid_value", "Invalid n.", "n", 400)
