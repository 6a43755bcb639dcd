"""/providers: how each provider does, and what waits, for admins."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from app.api import docs
from app.api import provider_schemas as schemas
from app.api.deps import Admin, Services
from app.db.census import CLEANUP, DELIVERY
from app.db.provider_health import Refusal, Submits
from app.domain.jobs import State
from app.domain.plain import Json
from app.services.breakers import Standing
from app.services.health import WINDOW, Left, ProviderHealth, Report

router = APIRouter(tags=["health"])

_SHOWN_CODES = 5
_OPERATORS = frozenset({"provider_error", "provider_balance_exhausted"})  # of refusals that are told in our own words
_REFUSED = {  # whatever the provider said itself may repeat a prompt
    "moderation_blocked": "It refused what a request wanted to see.",
    "invalid_input": "It does not take what a request asked for.",
}
_UNTOLD = "It did not take a request; the gateway's log says why."
_UNAVAILABLE = "It had too much to do, or was out of order."
_STATES = {  # as they are told, in the order in which an output goes through them
    **{str(state): str(state) for state in (State.QUEUED, State.SUBMITTING, State.RUNNING, State.STORING)},
    "cleanup": CLEANUP,
    "webhooks": DELIVERY,
}


@router.get("/providers", response_model=schemas.ProviderList, responses=docs.errors("permission_denied"))
async def list_providers(gateway: Services, _admin: Admin) -> JSONResponse:
    """Tell how each provider has done in the last day and is just now, and what waits in the queues."""
    report = await gateway.health.report()
    data: list[Json] = [_provider(each, place) for place, each in enumerate(report.providers, 1)]
    return JSONResponse(
        {
            "object": "list",
            "data": data,
            "queue": _queue(report),
            "breakers": report.breaking,
            "window_seconds": int(WINDOW),
        }
    )


def _provider(found: ProviderHealth, order: int) -> dict[str, Json]:
    """Build the public object (`schemas.ProviderObject`)."""
    ends, rate = found.ends, found.success_rate
    return {
        "id": found.name,
        "object": "provider",
        "name": found.title,
        "order": order,
        "breaker": None if found.breaker is None else _breaker(found.breaker),
        "success_rate": None if rate is None else round(rate, 4),
        "completed": ends.completed,
        "failed": ends.failed.total(),
        "failed_over": ends.failed_over.total(),
        "median_seconds": ends.quantile(0.5),
        "p95_seconds": ends.quantile(0.95),
        "submits": _submits(found.submits),
        "recent": _submits(found.recent),
        "failures": [{"code": code, "count": count} for code, count in found.failures.most_common(_SHOWN_CODES)],
        "last_refusal": None if found.refusal is None else _refusal(found.refusal),
        "balance": None if found.balance is None else _balance(found.balance),
    }


def _refusal(found: Refusal) -> dict[str, Json]:
    own = found.outcome == "refused" and found.code in _OPERATORS
    otherwise = _UNAVAILABLE if found.outcome == "unavailable" else _UNTOLD
    message = found.message if own else _REFUSED.get(found.code or "", otherwise)
    return {"code": found.code, "message": message, "at": int(found.at)}


def _breaker(found: Standing) -> dict[str, Json]:
    return {"state": found.state, "failures": found.failures, "retry_in_seconds": round(found.wait, 3)}


def _balance(found: Left) -> dict[str, Json]:
    return {"amount": found.amount, "currency": "usd", "checked_at": int(found.at)}


def _submits(found: Submits) -> dict[str, Json]:
    return {"accepted": found.accepted, "refused": found.refused, "unsent": found.unsent, "unknown": found.unknown}


def _queue(report: Report) -> dict[str, Json]:
    """Build the public object (`schemas.Queue`)."""
    census, oldest = report.census, report.oldest_queued
    states: list[Json] = [
        {
            "state": state,
            "count": census.waiting[name],
            "overdue_seconds": round(max(0.0, report.at - census.due.get(name, report.at)), 3),
        }
        for state, name in _STATES.items()
    ]
    return {
        "states": states,
        "oldest_queued_seconds": None if oldest is None else round(max(0.0, report.at - oldest), 3),
        "flagged_submissions": census.flagged,
        "nearly_spent_budgets": census.nearly_spent,
    }
