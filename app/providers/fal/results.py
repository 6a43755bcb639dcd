"""What fal says about a job: status, result and billable units (docs.fal.ai/docs/api-reference/inference-api).

The status is 202 while the job waits or runs and 200 when it is COMPLETED; both are read by their body. A failed job is
COMPLETED with `error`; its result answers with the model's own 4xx or 5xx, whose body has the details. An error that
may be about the question rather than about the job is not believed at once (`doubts`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import TYPE_CHECKING

import structlog

from app.providers.base import Failed, Pending, Succeeded
from app.providers.fal.doubts import Unsure
from app.providers.fal.errors import (
    Complaint,
    failure,
    is_denied,
    is_of_the_question,
    needs_retry,
    read_error,
    trouble,
)

if TYPE_CHECKING:
    from app.domain.plain import Json
    from app.providers.http import Reply

log = structlog.get_logger()

_NO_LONGER = "fal.ai no longer has this request; results are kept for about an hour"
_EARLY = "still in progress"  # fal gives this as text alone
_GONE_FOR_GOOD = Unsure(Failed("media_unavailable", _NO_LONGER), "gone", of_age=True)
_MOST_UNITS = 10**9
_ACCEPTED, _BAD_REQUEST, _GONE, _SERVER = 202, 400, 404, 500


@dataclass(frozen=True, slots=True)
class Completed:
    """The job has ended; `error` is what the status says of a failure."""

    error: Complaint | None = None


def read_status(reply: Reply) -> Pending | Completed | Unsure:
    """Read a status answer. Raises Transient or Misconfigured where it says nothing about the job."""
    body = reply.body
    if not reply.ok:
        if reply.status == _GONE and read_error(reply):
            return _GONE_FOR_GOOD
        raise trouble(reply, "a status question")
    if not isinstance(body, dict):
        raise trouble(reply, "a status question")
    match body.get("status"):
        case "COMPLETED":
            error, kind = body.get("error"), body.get("error_type")
            if not error and not kind:
                return Completed()
            return Completed(Complaint(str(kind or ""), str(error or kind)[:500]))
        case "IN_QUEUE":
            position = body.get("queue_position")
            return Pending(queue_position=position if type(position) is int else None)
        case "IN_PROGRESS":
            return Pending()
        case unknown:
            log.warning("fal_status_unknown", status=str(unknown)[:100], request=str(body.get("request_id"))[:100])
            return Pending()


def read_result(
    reply: Reply, told: Complaint | None, unit_price: float | None
) -> Pending | Succeeded | Failed | Unsure:
    """Read the result of a completed job; `told` is the failure its status told of.

    Raises Transient or Misconfigured where the answer is not about the job.
    """
    cost = micro_dollars(billable_units(reply), unit_price)
    if reply.ok:
        return _read_output(reply, told, cost)
    complaint = read_error(reply)
    if complaint is None or is_denied(reply.status, complaint):
        raise trouble(reply, "the question for a result")
    if reply.status == _BAD_REQUEST and _EARLY in complaint.message.casefold():
        return Pending()
    if told:
        return _told_end(reply, complaint, told, cost)
    if complaint.not_found:
        return _GONE_FOR_GOOD
    if is_of_the_question(reply.status, complaint):
        raise trouble(reply, "the question for a result")
    end = _end(reply, complaint, cost)
    return Unsure(end, f"{reply.status} {complaint.kind}") if end.elsewhere else end


def _read_output(reply: Reply, told: Complaint | None, cost: int | None) -> Pending | Succeeded | Failed:
    if reply.status == _ACCEPTED:
        return Pending()
    if reply.body is None:
        raise trouble(reply, "the question for a result")  # a cut or garbled answer: the result is still there
    if url := video_url(reply.body):
        return Succeeded(url=url, cost=cost)
    wrong = told or read_error(reply) or Complaint("", "fal.ai completed the job without a video")
    return Failed("provider_error", wrong.message, cost or None)


def _told_end(reply: Reply, complaint: Complaint, told: Complaint, cost: int | None) -> Failed | Unsure:
    """Read the result of a job that failed, says its status. What may be about the question must be said twice.

    Then the status knows best; where it names another kind of failure, nobody has said that it was not charged.
    """
    named = Complaint(complaint.kind or told.kind, complaint.message)
    agreed = bool(told.kind) and (
        told.kind == complaint.kind or (not complaint.kind and is_of_the_question(reply.status, told))
    )
    if not is_of_the_question(reply.status, complaint) or agreed:
        return _end(reply, named, cost)
    if told.kind or complaint.not_found:
        end = _end(reply, Complaint(told.kind or complaint.kind, told.message), cost)
        return Unsure(replace(end, elsewhere=False), f"{reply.status} {complaint.kind}")
    return Unsure(_end(reply, complaint, cost), f"{reply.status} {complaint.kind}")


def _end(reply: Reply, complaint: Complaint, cost: int | None) -> Failed:
    units = billable_units(reply)
    unbilled = units == 0 or (units is None and reply.status >= _SERVER)  # DOC-FAQ: a 5xx is never billed
    return failure(reply.status, complaint, unbilled=unbilled, retryable=needs_retry(reply), cost=cost or None)


def video_url(body: Json) -> str | None:
    """Find the video of a model's output: `video` or `videos`, a file, an address or a list of them."""
    if not isinstance(body, dict):
        return None
    for name in ("video", "videos"):
        found = body.get(name)
        for item in found if isinstance(found, list) else [found]:
            url = item.get("url") if isinstance(item, dict) else item
            if isinstance(url, str) and url.startswith(("https://", "http://")):
                return url
    return None


def billable_units(reply: Reply) -> Decimal | None:
    """Read X-Fal-Billable-Units, a decimal such as 8.439999999999998; None where there is none."""
    try:
        units = Decimal(reply.headers.get("x-fal-billable-units", ""))
    except InvalidOperation:
        return None
    return units if units.is_finite() and 0 <= units < _MOST_UNITS else None


def micro_dollars(units: Decimal | None, unit_price: float | None) -> int | None:
    """Price billable units, rounded half up; None while either is unknown."""
    if units is None:
        return None
    if not units:
        return 0
    if unit_price is None:
        return None
    return int((units * Decimal(str(unit_price)) * 1_000_000).quantize(Decimal(1), ROUND_HALF_UP))
