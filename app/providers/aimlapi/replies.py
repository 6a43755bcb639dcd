"""What AI/ML API's answers mean. Pure: an answer in, a result or an error out.

Errors come in two envelopes: `{"message", "path", "requestId", "statusCode", "timestamp"}` (docs.aimlapi.com, errors)
and `{"title", "status", "message", "error": {"name", "message", "data": {"kind"}}}` (seen in 2026). `message` can be a
list of strings, and can have the upstream's own JSON in it: `400 {"type": "error", …}`. Where the words for machines do
not tell whose fault it was, those for people do. Failed requests are not billed
(docs.aimlapi.com/capabilities/request-tracing-and-cost).

The words of `status` drift: the specification has queued, generating, completed and error, the vendor's own samples end
with "succeeded", its SDK and its n8n node know more. So they are read by sets.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from http import HTTPStatus
from typing import TYPE_CHECKING

from app.providers.base import Failed, Pending, Succeeded
from app.providers.errors import Indeterminate, Misconfigured, Rejected, Transient
from app.providers.wording import busy, no_balance, not_allowed, not_offered, speaks_of_moderation, wrong_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.domain.jobs import Operation
    from app.domain.plain import Json
    from app.providers.errors import ProviderError
    from app.providers.http import Reply

_TITLE = "AI/ML API"
_RUNNING = frozenset({"queued", "generating", "waiting", "active", "processing", "pending", "in_progress", "running"})
_DONE = frozenset({"completed", "succeeded", "success", "done", "ready", "finished"})
_FAILED = frozenset({"error", "failed", "cancelled", "canceled", "timeout", "timed_out", "expired"})

_CREDITS = Decimal("0.5")  # micro-dollars: 2,000,000 credits are a dollar
_DOLLAR = Decimal(1_000_000)  # micro-dollars
_LARGEST_COST = 10**12  # micro-dollars; more is a mistake of theirs
_SHOWN = 500  # characters
_TEXTS = ("message", "msg", "detail", "error", "name")  # where an error's words may be

_CREDITS_OUT = re.compile(r"insuff\w*_credits", re.IGNORECASE)  # "err_insufficent_credits", as they spell it
_CREDITS_OUT_TEXT = "run out of credits"  # the older envelope has nothing else to tell it by
_MODERATED = re.compile(r"moderat|policy|safety|nsfw", re.IGNORECASE)
_BUSY = re.compile(r"too_?many_?requests|(rate|concurrency)_?limit", re.IGNORECASE)
_INVALID = re.compile(r"bad_?request|unprocessable|validation|invalid", re.IGNORECASE)
_SERVERS_FAULT = re.compile(r"internal|server|time[d_ ]*out|unavailable|downstream|gateway", re.IGNORECASE)
_SERVERS_TEXT = re.compile(  # as documented (docs.aimlapi.com, errors)
    r"(?:5\d\d )?(?:internal server error|something wrong with the server|the model is under maintenance"
    r"|bad gateway|service unavailable|generation timeout)",
    re.IGNORECASE,
)
_LATE = frozenset({"timeout", "timed_out"})
_DEEPEST = 5  # errors within errors


def read_accepted(reply: Reply) -> Operation | None:
    """Return the handle of an accepted submit: any 2xx that tells the id, in its body or its `x-inference-id`.

    MiniMax's id was called `generation_id`, and some are digits; the header "equals the generation id for async".
    """
    if not reply.ok:
        return None
    places: tuple[Json, ...] = (reply.entry("id"), reply.entry("generation_id"), reply.headers.get("x-inference-id"))
    ids = [str(place) for place in places if place and isinstance(place, str | int) and not isinstance(place, bool)]
    return {"id": ids[0], "cost": read_cost(reply)} if ids else None


def read_cost(reply: Reply) -> int | None:
    """Return what was spent in micro-dollars, by the first of the four places that tells."""
    dollars = (reply.entry("meta", "usage", "usd_spent"), reply.headers.get("x-aimlapi-usd-spent"))
    credit = (reply.entry("meta", "usage", "credits_used"), reply.headers.get("x-aimlapi-credits-used"))
    places = ((dollars[0], _DOLLAR), (credit[0], _CREDITS), (dollars[1], _DOLLAR), (credit[1], _CREDITS))
    return next((cost for value, unit in places if (cost := _micro(value, unit)) is not None), None)


def read_refusal(reply: Reply) -> ProviderError:
    """Say what a submit's answer without an id means for the payment.

    Only a 4xx in the provider's own words says that nothing was accepted; anything else leaves it unknown.
    """
    said = _told(reply)
    if not _is_refusal(reply):
        return Indeterminate(said, busy=reply.status == HTTPStatus.TOO_MANY_REQUESTS)
    if fault := _operators_fault(reply):
        return fault
    if reply.status == HTTPStatus.NOT_FOUND:  # of a submit: "unknown path or resource; also deprecated models"
        return Misconfigured(not_offered(_TITLE), said=said)
    if _is_busy(reply):
        return Transient(busy(_TITLE), reply.retry_after, busy=True, said=said)
    return Rejected(said, "moderation_blocked" if _is_moderated(reply.body) else "invalid_input")


def read_trouble(reply: Reply) -> Misconfigured | Transient:
    """Say what an error means that is not about a submit: the operator's fault, or ask again.

    Polls of accepted jobs were seen to end in HTTP 524 and in "Inference not found" for a while, so no such answer ends
    a paid job.
    """
    if _is_refusal(reply) and (fault := _operators_fault(reply)):
        return fault
    if _is_busy(reply):
        return Transient(busy(_TITLE), reply.retry_after, busy=True, said=_told(reply))
    return Transient(_told(reply), reply.retry_after)


def read_status(reply: Reply, cost: int | None = None) -> Pending | Succeeded | Failed:
    """Say how a job stands; `cost` is what its submit told. Raises ProviderError."""
    if not reply.ok or not isinstance(reply.body, dict):
        raise read_trouble(reply)
    word = _word(reply)
    if word in _DONE:
        cost = read_cost(reply) if cost is None else cost
        url = _video_url(reply.entry("video"))
        if url is None:
            return Failed("provider_error", "AI/ML API finished the job without a video.", cost)
        return Succeeded(url=url, cost=cost)
    if word in _FAILED:
        return _failure(word, reply.entry("error"))
    return Pending()


def unknown_word(reply: Reply) -> str | None:
    """Return a status that no document names, for the log."""
    word = _word(reply)
    return None if word in _RUNNING | _DONE | _FAILED else word or "(none)"


def read_balance(reply: Reply) -> Decimal | None:
    """Return the balance in dollars, if it is told."""
    return _decimal(reply.entry("current_balance"))


def describe_balance(balance: Decimal | None) -> str:
    """Say the balance in one line. Raises Misconfigured when there is none left."""
    if balance is None:
        return "the key works; the balance is not told"
    line = f"balance ${balance:.2f}"
    if balance <= 0:
        raise Misconfigured(no_balance(_TITLE), "provider_balance_exhausted", said=f"{line}: top up at aimlapi.com")
    return line


def _failure(word: str, error: Json) -> Failed:
    """Read any of the error's shapes: {name, message}, an upstream's {detail: [{loc, msg, type}]}, a string.

    No failure is billed, whatever an answer repeats of the hold; but only what is known to be a fault of theirs may be
    tried elsewhere.
    """
    message = f"AI/ML API: {_text(error)[:_SHOWN] or f'the job ended as {word!r}'}"
    kinds = list(_kinds(error))
    if _is_moderated(error):
        return Failed("moderation_blocked", message, 0)
    if word == "expired":  # perhaps it was ready, and so charged: no document says
        return Failed("media_unavailable", message)
    theirs = word in _LATE or any(map(_SERVERS_FAULT.search, kinds)) or bool(_SERVERS_TEXT.match(_text(error)))
    if not theirs and (_names_a_field(error) or any(map(_INVALID.search, kinds))):
        return Failed("invalid_input", message, 0)
    return Failed("provider_error", message, 0, elsewhere=theirs)


def _operators_fault(reply: Reply) -> Misconfigured | None:
    said = _told(reply)
    if reply.status == HTTPStatus.UNAUTHORIZED:
        return Misconfigured(wrong_key(_TITLE, "AIMLAPI_KEY"), said=said)
    if _is_out_of_credits(reply):
        return Misconfigured(no_balance(_TITLE), "provider_balance_exhausted", said=said)
    if reply.status == HTTPStatus.FORBIDDEN and not _is_moderated(reply.body):
        return Misconfigured(not_allowed(_TITLE), said=said)
    return None


def _is_busy(reply: Reply) -> bool:
    return _is_refusal(reply) and (
        reply.status == HTTPStatus.TOO_MANY_REQUESTS or any(map(_BUSY.search, _kinds(reply.body)))
    )


def _is_refusal(reply: Reply) -> bool:
    """Tell the provider's own 4xx from a proxy's page; 408 says that somebody gave up waiting."""
    own = isinstance(reply.body, dict) and bool(_text(reply.body))
    return own and 400 <= reply.status < 500 and reply.status != HTTPStatus.REQUEST_TIMEOUT  # noqa: PLR2004 - 4xx


def _is_out_of_credits(reply: Reply) -> bool:
    if reply.status == HTTPStatus.PAYMENT_REQUIRED:
        return True
    kind = reply.entry("error", "data", "kind")
    if isinstance(kind, str):
        return bool(_CREDITS_OUT.search(kind))
    return reply.status == HTTPStatus.FORBIDDEN and _CREDITS_OUT_TEXT in _said(reply).lower()


def _word(reply: Reply) -> str:
    status = reply.entry("status")
    return status.strip().lower() if isinstance(status, str) else ""


def _video_url(video: Json) -> str | None:
    """Find the address in {url, …}, in a list of addresses (Runway) or in a bare one."""
    if isinstance(video, list):
        return next((found for item in video if (found := _video_url(item))), None)
    url = video.get("url") if isinstance(video, dict) else video
    return url if isinstance(url, str) and url.startswith(("https://", "http://")) else None


def _is_moderated(error: Json) -> bool:
    return any(map(_MODERATED.search, _kinds(error))) or speaks_of_moderation(_text(error))


def _kinds(error: Json, depth: int = 0) -> Iterator[str]:
    """Yield the machine-readable words of an error, however deep they are, also in JSON within its text."""
    if depth > _DEEPEST:
        return
    if isinstance(error, list):
        for item in error:
            yield from _kinds(item, depth + 1)
    elif isinstance(error, dict):
        for name, value in error.items():
            if isinstance(value, str) and name in {"name", "type", "kind", "code", "error_type"}:
                yield value
            elif name in {"error", "data", "detail", "message"}:
                yield from _kinds(value, depth + 1)
    elif isinstance(error, str):
        yield from _kinds(_embedded(error), depth + 1)


def _embedded(text: str) -> Json:
    """Return the upstream's JSON object in a text such as `400 {"type": "error", …}`; None where there is none."""
    with suppress(ValueError, RecursionError):
        found, _end = json.JSONDecoder().raw_decode(text[text.index("{") :])
        return found if isinstance(found, dict) else None
    return None


def _names_a_field(error: Json) -> bool:
    """Say whether an upstream's error is about the request: `{"detail": [{"loc": ["body", …], …}]}`."""
    details = error.get("detail") if isinstance(error, dict) else None
    return isinstance(details, list) and any(isinstance(item, dict) and "loc" in item for item in details)


def _told(reply: Reply) -> str:
    return f"AI/ML API answered HTTP {reply.status}: {_said(reply)}"


def _said(reply: Reply) -> str:
    return _text(reply.body)[:_SHOWN] or reply.text or "(nothing)"


def _text(error: Json) -> str:
    """Return the words for people, whatever the shape."""
    if isinstance(error, list):
        return "; ".join(filter(None, map(_text, error)))
    if isinstance(error, dict):
        return next(
            (text for name in ("message", "msg", "detail", "error", "name") if (text := _text(error.get(name)))), ""
        )
    return error.strip() if isinstance(error, str) else ""


def _micro(value: Json, unit: Decimal) -> int | None:
    number = _decimal(value)
    if number is None or not 0 <= number * unit <= _LARGEST_COST:
        return None
    return int((number * unit).quantize(Decimal(1), ROUND_HALF_UP))


def _decimal(value: Json) -> Decimal | None:
    """Read a number, in a string too."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
