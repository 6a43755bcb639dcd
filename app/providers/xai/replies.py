"""What xAI's answers mean. Pure: an answer in, a result or an error out.

Errors are `{"code", "error": str}`, `{"error": {"message", "type", "param", "code"}}` or `{"error": str}`
(@ai-sdk/xai). Codes are gRPC's words in three spellings, and "invalid-argument" also stands for a wrong key, a
moderated input and an account without retention: where the code says no more, the text decides, and only by its
beginning where the user's own words, quoted, could be taken for the operator's fault.

Moderation comes in three shapes, and blocked output is billed (docs.x.ai, pricing): done with `respect_moderation`
false, failed with invalid_argument, and an HTTP error on the GET that has `usage` (vercel/ai #13390).
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from http import HTTPStatus
from typing import TYPE_CHECKING

from app.providers.base import Failed, Pending, Succeeded
from app.providers.errors import Indeterminate, Misconfigured, Rejected, Transient
from app.providers.wording import busy, no_balance, not_allowed, not_offered, speaks_of_moderation, wrong_key

if TYPE_CHECKING:
    from app.domain.jobs import Operation
    from app.domain.plain import Json
    from app.providers.errors import ProviderError
    from app.providers.http import Reply

# pending, done, failed and expired are documented; the others are what resellers of the same API say.
_TITLE = "xAI"
_RUNNING = frozenset({"pending", "queued", "processing", "in_progress", "running"})
_DONE = frozenset({"done", "completed", "succeeded"})
_FAILED = frozenset({"failed", "error"})
_EXPIRED = "expired"

_TICKS = Decimal(10_000)  # per micro-dollar: 10,000,000,000 are a dollar
_LARGEST_COST = 10**12  # micro-dollars; more is a mistake of theirs
_SHOWN = 500  # characters
_FULL = 99  # percent, while it runs

_BUSY = "resource_exhausted"
_SERVERS_FAULT = frozenset({"service_unavailable", "internal_error", "unavailable", "internal"})
_WRONG_KEY = re.compile(r"incorrect(?: |%20)api(?: |%20)key", re.IGNORECASE)  # HTTP 400 (continuedev/continue #10778)
_NO_RETENTION = re.compile(r"zero data retention", re.IGNORECASE)  # the account's own rule, not the user's input
# HTTP 429 or 403 (continuedev/continue #10373, warpdotdev/warp #14863)
_NO_CREDITS = re.compile(r"all available credits|spending limit|any credits", re.IGNORECASE)


def read_accepted(reply: Reply) -> Operation | None:
    """Return the handle of an accepted submit: any 2xx with a `request_id`."""
    request_id = reply.entry("request_id")
    return {"id": request_id} if reply.ok and isinstance(request_id, str) and request_id else None


def read_cost(reply: Reply) -> int | None:
    """Return `usage.cost_in_usd_ticks` in micro-dollars, half up."""
    ticks = reply.entry("usage", "cost_in_usd_ticks")
    if isinstance(ticks, bool) or not isinstance(ticks, str | int | float):
        return None
    try:
        cost = (Decimal(str(ticks)) / _TICKS).quantize(Decimal(1), ROUND_HALF_UP)
        return int(cost) if 0 <= cost <= _LARGEST_COST else None
    except InvalidOperation:
        return None


def read_refusal(reply: Reply) -> ProviderError:
    """Say what a submit's answer without an id means for the payment.

    Only a 4xx in the provider's own words says that nothing was accepted; anything else leaves it unknown.
    """
    said = _told(reply)
    if not _is_refusal(reply):
        return Indeterminate(said, busy=reply.status == HTTPStatus.TOO_MANY_REQUESTS)
    if fault := _operators_fault(reply):
        return fault
    if reply.status == HTTPStatus.NOT_FOUND:  # of a submit: no such model, or not for this account
        return Misconfigured(not_offered(_TITLE), said=said)
    if _is_busy(reply):
        return Transient(busy(_TITLE), reply.retry_after, busy=True, said=said)
    return Rejected(said, "moderation_blocked" if _is_blocked(reply) else "invalid_input", read_cost(reply) or None)


def read_trouble(reply: Reply) -> Misconfigured | Transient:
    """Say what an error means that is not about a submit: the operator's fault, or ask again."""
    if _is_refusal(reply) and (fault := _operators_fault(reply)):
        return fault
    if _is_busy(reply):
        return Transient(busy(_TITLE), reply.retry_after, busy=True, said=_told(reply))
    return Transient(_told(reply), reply.retry_after)


def read_status(reply: Reply) -> Pending | Succeeded | Failed:
    """Say how a job stands. Raises ProviderError.

    A running job's 202 is sometimes empty; a finished one may lack the status (@ai-sdk/xai).
    """
    if not reply.ok:
        return _refused_poll(reply)
    word = _word(reply)
    if word in _DONE or (not word and reply.entry("video", "url")):
        return _finished(reply)
    if word in _FAILED:
        return _failure(reply)
    if word == _EXPIRED:
        return Failed("media_unavailable", "xAI kept the video no longer.", read_cost(reply))
    if reply.status != HTTPStatus.ACCEPTED and not isinstance(reply.body, dict):
        raise Transient(f"xAI's answer cannot be read: {_said(reply)}")
    return Pending(_progress(reply.entry("progress")))


def unknown_word(reply: Reply) -> str | None:
    """Return a status that no document names, for the log; none at all is usual while it runs."""
    word = _word(reply)
    return word if word and word not in _RUNNING | _DONE | _FAILED | {_EXPIRED} else None


def read_models(reply: Reply) -> str:
    """Name the models of the key in one line."""
    models = reply.entry("models") or reply.entry("data")
    names = [str(model.get("id")) for model in models if isinstance(model, dict)] if isinstance(models, list) else []
    return f"the key works for {', '.join(names)}" if names else "the key works; its video models are not told"


def _finished(reply: Reply) -> Succeeded | Failed:
    url, cost = reply.entry("video", "url"), read_cost(reply)
    if reply.entry("video", "respect_moderation") is False or url == "":
        return Failed("moderation_blocked", "xAI's content moderation blocked the generated video.", cost)
    if not isinstance(url, str) or not url.startswith(("https://", "http://")):
        return Failed("provider_error", "xAI finished the job without a video.", cost)
    return Succeeded(url=url, cost=cost)


def _failure(reply: Reply) -> Failed:
    """Read a failed job: invalid_argument stands for a refused input and for moderation.

    A failure of theirs may be tried elsewhere where xAI says that it charged nothing; saying nothing is not enough.
    """
    code, cost = _code(reply), read_cost(reply)
    message = f"xAI: {_text(reply) or code or 'the job failed'}"
    if code in _SERVERS_FAULT:
        return Failed("provider_error", message, cost, elsewhere=cost == 0)
    if _is_blocked(reply):
        return Failed("moderation_blocked", message, cost)
    if code.endswith("invalid_argument"):
        return Failed("invalid_input", message, cost)
    return Failed("provider_error", message, cost)


def _refused_poll(reply: Reply) -> Failed:
    """Read an HTTP error about an accepted job. Raises ProviderError.

    It is the end only if it speaks of moderation, or bills; anything else, an unknown id included, is asked again.
    """
    cost = read_cost(reply)
    if _is_client_error(reply) or cost:
        message = f"xAI: {_said(reply)}"
        if _is_blocked(reply):
            return Failed("moderation_blocked", message, cost)
        if cost:
            return Failed("provider_error", message, cost)
    raise read_trouble(reply)


def _is_client_error(reply: Reply) -> bool:
    return 400 <= reply.status < 500 and reply.status != HTTPStatus.TOO_MANY_REQUESTS  # noqa: PLR2004 - 4xx


def _operators_fault(reply: Reply) -> Misconfigured | None:
    said = _told(reply)
    if reply.status == HTTPStatus.UNAUTHORIZED or _WRONG_KEY.match(_text(reply)):
        return Misconfigured(wrong_key(_TITLE, "XAI_API_KEY"), said=said)
    may_be_money = reply.status in (HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS)
    if reply.status == HTTPStatus.PAYMENT_REQUIRED or (may_be_money and _NO_CREDITS.search(said)):
        return Misconfigured(no_balance(_TITLE), "provider_balance_exhausted", said=said)
    if (reply.status == HTTPStatus.FORBIDDEN and not _is_blocked(reply)) or _NO_RETENTION.match(_text(reply)):
        return Misconfigured(not_allowed(_TITLE), said=said)
    return None


def _is_busy(reply: Reply) -> bool:
    return _is_refusal(reply) and (reply.status == HTTPStatus.TOO_MANY_REQUESTS or _code(reply) == _BUSY)


def _is_refusal(reply: Reply) -> bool:
    """Tell the provider's own 4xx from a proxy's page; a 422 of its JSON reader may be plain text."""
    if not 400 <= reply.status < 500 or reply.status == HTTPStatus.REQUEST_TIMEOUT:  # noqa: PLR2004 - 4xx
        return False
    return bool(_text(reply) or _code(reply)) or reply.status == HTTPStatus.UNPROCESSABLE_ENTITY


def _is_blocked(reply: Reply) -> bool:
    reason = reply.entry("block_reason") or reply.entry("error", "block_reason")
    return bool(reason) or speaks_of_moderation(f"{_code(reply)} {_text(reply)}")


def _code(reply: Reply) -> str:
    """Return the error's code in one spelling: `invalid_argument` for "invalid-argument"."""
    places = (reply.entry("error", "code"), reply.entry("error", "type"), reply.entry("code"))
    code = next((code for code in places if isinstance(code, str) and code), "")
    return re.sub(r"[^a-z0-9]+", "_", code.lower())


def _text(reply: Reply) -> str:
    """Return the error's words for people."""
    places = (reply.entry("error"), reply.entry("error", "message"), reply.entry("message"))
    return next((text.strip()[:_SHOWN] for text in places if isinstance(text, str)), "")


def _told(reply: Reply) -> str:
    return f"xAI answered HTTP {reply.status}: {_said(reply)}"


def _said(reply: Reply) -> str:
    return _text(reply) or reply.text or "(nothing)"


def _word(reply: Reply) -> str:
    status = reply.entry("status")
    return status.strip().lower() if isinstance(status, str) else ""


def _progress(value: Json) -> int | None:
    """Return percent; 100 is for the end only."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        return None
    return int(min(_FULL, value))
