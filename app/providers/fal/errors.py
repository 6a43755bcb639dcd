"""fal's errors (https://docs.fal.ai/errors): every shape read into one `Complaint`, and what it means for us.

`detail` is a list of model errors, a plain string (with `error_type` beside it or in X-Fal-Error-Type), or replaced by
`{"status": …}`; the platform API says `{"error": {"type", "message"}}`. What has none of these shapes is not fal's word
but that of something in between (an nginx page, a cut answer).
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from app.providers.base import Failed
from app.providers.errors import Indeterminate, Misconfigured, ProviderError, Rejected, Transient, Unfit
from app.providers.wording import busy, no_balance, not_allowed, not_offered, wrong_key

if TYPE_CHECKING:
    from app.domain.plain import Json
    from app.providers.http import Reply

# https://docs.fal.ai/errors: model errors and request errors, by whose fault they are. Every other type that fal
# documents, and every pydantic type it passes through, is about the input.
_POLICY = frozenset({"content_policy_violation"})
_TIMEOUTS = frozenset({"generation_timeout", "request_timeout", "startup_timeout"})
_CANCELLED = "client_cancelled"
_MODEL_TROUBLE = frozenset(
    {"generation_timeout", "internal_server_error", "downstream_service_error", "downstream_service_unavailable"}
)
_INFRASTRUCTURE = frozenset(
    {
        *_TIMEOUTS,
        *_MODEL_TROUBLE,
        "runner_scheduling_failure",
        "runner_connection_timeout",
        "runner_disconnected",
        "runner_connection_refused",
        "runner_connection_error",
        "runner_incomplete_response",
        "runner_server_error",
        "client_disconnected",
        "internal_error",
    }
)
_OF_THE_JOB = _POLICY | _MODEL_TROUBLE | {_CANCELLED}  # never about the question that was asked
_TITLE = "fal.ai"
_NOTHING_MADE = "no_media_generated"  # the model ran and made nothing; fal says not to retry
_NOT_FOUND = "NOT_FOUND"
_CLIENT_GONE = 499
_UNDECIDED = frozenset({408, _CLIENT_GONE})  # someone gave up waiting; that is no refusal
_AGAIN = frozenset({409, 429})  # fal's own clients send these again
_BUSY = frozenset({"concurrent_requests_limit"})  # the account's cap, documented with a 429
_DENIED = frozenset({401, 402, 403})
_NO_KEY, _NO_MODEL = 401, 404
_LONGEST = 500  # characters of a message
_MOST = 5  # entries of a `detail` list that a message names
_SERVER = 500
_GATEWAY_TIMEOUT = 504


@dataclass(frozen=True, slots=True)
class Complaint:
    """An error in fal's own words; `kind` is its type, "" where fal gives none."""

    kind: str
    message: str

    @property
    def not_found(self) -> bool:
        """Say whether fal does not know the request (any more)."""
        return self.kind == _NOT_FOUND


def read_error(reply: Reply) -> Complaint | None:
    """Read an error answer; None where it is not fal's own."""
    body = reply.body
    if not isinstance(body, dict):
        return None
    detail = body.get("detail")
    if isinstance(detail, dict):
        detail = [detail]
    if isinstance(detail, list):
        return _read_entries([entry for entry in detail if isinstance(entry, dict)])
    kind = _text(body.get("error_type")) or reply.headers.get("x-fal-error-type", "")
    error = body.get("error")
    if isinstance(error, dict):
        return Complaint(_text(error.get("type")), _short(_text(error.get("message"))))
    for message in (detail, error):
        if isinstance(message, str):
            return Complaint(kind, _short(message))
    status = body.get("status")
    return Complaint(status, _short(status)) if isinstance(status, str) else None


def refusal(reply: Reply) -> ProviderError:
    """Say what an answer to a submit means that is no acceptance.

    Only a 4xx with fal's own error body is a refusal; anything else may have been accepted (and paid) all the same.
    """
    complaint = read_error(reply)
    if complaint is None or not 400 <= reply.status < _SERVER or reply.status in _UNDECIDED:  # noqa: PLR2004 - 4xx
        said = f"fal.ai answered the submit with {reply.status}: {_short(reply.text)}"
        return Indeterminate(said, busy=reply.status == HTTPStatus.TOO_MANY_REQUESTS)
    if complaint.kind in _POLICY:
        return Rejected(complaint.message, "moderation_blocked")
    if reply.status in _DENIED | {_NO_MODEL}:
        return denial(reply.status, complaint)
    if reply.status in _AGAIN or complaint.kind in _BUSY:
        return Transient(busy(_TITLE), reply.retry_after, busy=True, said=complaint.message)
    if complaint.kind in _INFRASTRUCTURE:
        return Transient(f"fal.ai: {complaint.message}", reply.retry_after)
    return Rejected(complaint.message)


def unplaced(reply: Reply, what: str) -> ProviderError:
    """Say what an answer of fal's storage means that is no success: a file it does not take is no fault of fal's."""
    complaint = read_error(reply)
    refused = 400 <= reply.status < _SERVER and reply.status not in _DENIED | _UNDECIDED | _AGAIN  # noqa: PLR2004 - 4xx
    if complaint and refused:
        return Unfit(f"fal.ai's storage does not take the file: {complaint.message}")
    return trouble(reply, what)


def trouble(reply: Reply, what: str) -> ProviderError:
    """Say what an unexpected answer means to a call that costs nothing: ask again, unless the key is refused."""
    complaint = read_error(reply)
    if complaint and reply.status in _DENIED:
        return denial(reply.status, complaint)
    said = f"fal.ai answered {what} with {reply.status}: {_short(reply.text)}"
    if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
        return Transient(busy(_TITLE), reply.retry_after, busy=True, said=said)
    return Transient(said, reply.retry_after)


def denial(status: int, complaint: Complaint) -> Misconfigured:
    """Say what the operator must do. Only the text tells an empty balance from other locks and missing scopes."""
    said, text = complaint.message, complaint.message.casefold()
    if "user is locked" in text and any(word in text for word in ("balance", "top_up", "top up")):
        return Misconfigured(no_balance(_TITLE), "provider_balance_exhausted", said=said)
    what = {_NO_KEY: wrong_key(_TITLE, "FAL_KEY"), _NO_MODEL: not_offered(_TITLE)}
    return Misconfigured(what.get(status, not_allowed(_TITLE)), said=said)


def is_denied(status: int, complaint: Complaint) -> bool:
    """Say whether an error result is about the key, even that of a failed job: fal locks accounts at any time."""
    return status in _DENIED and complaint.kind not in _OF_THE_JOB


def is_of_the_question(status: int, complaint: Complaint) -> bool:
    """Say whether an error result may be about the question rather than about the job: a 429, a 5xx and the like."""
    if complaint.kind in _OF_THE_JOB:
        return False
    theirs = status >= _SERVER or status in _AGAIN | _UNDECIDED
    return theirs or complaint.kind in _INFRASTRUCTURE | _BUSY or complaint.not_found


def failure(status: int, complaint: Complaint, *, unbilled: bool, retryable: bool, cost: int | None) -> Failed:
    """Say how a job failed. `unbilled` and `retryable` (X-Fal-Needs-Retry) are what fal says for sure."""
    kind = complaint.kind
    code = _code(status, kind, retryable=retryable)
    theirs = retryable or kind in _INFRASTRUCTURE or status in _AGAIN or (not kind and status >= _SERVER)
    return Failed(
        code, complaint.message, cost, elsewhere=theirs and unbilled and code in {"provider_error", "timeout"}
    )


def needs_retry(reply: Reply) -> bool:
    """Read X-Fal-Needs-Retry (newer) and X-Fal-Retryable (older)."""
    said = [reply.headers.get(name, "").lower() for name in ("x-fal-needs-retry", "x-fal-retryable")]
    return any(value in {"true", "1"} for value in said)


def _code(status: int, kind: str, *, retryable: bool) -> str:
    if kind in _POLICY:
        return "moderation_blocked"
    if kind in _TIMEOUTS or (not kind and status == _GATEWAY_TIMEOUT):
        return "timeout"
    if kind == _CANCELLED or (not kind and status == _CLIENT_GONE):
        return "cancelled"
    theirs = retryable or kind in _INFRASTRUCTURE or kind in {_NOTHING_MADE, _NOT_FOUND}
    return "provider_error" if theirs or status >= _SERVER or status in _AGAIN else "invalid_input"


def _read_entries(entries: list[dict[str, Json]]) -> Complaint | None:
    if not entries:
        return None
    kinds = [_text(entry.get("type")) for entry in entries]
    kind = next((kind for kind in kinds if kind in _POLICY), kinds[0])
    return Complaint(kind, _short("; ".join(_sentence(entry) for entry in entries[:_MOST])))


def _sentence(entry: dict[str, Json]) -> str:
    """Name the place and the mistake; never the value, which may be a whole file."""
    loc = entry.get("loc")
    place = ".".join(str(part) for part in loc if part != "body") if isinstance(loc, list) else ""
    message = _text(entry.get("msg")) or _text(entry.get("type")) or "not accepted"
    return f"{place}: {message}" if place else message


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _short(text: str) -> str:
    return text[:_LONGEST] or "no reason given"
