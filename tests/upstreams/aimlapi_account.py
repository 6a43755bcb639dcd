"""AI/ML API's account endpoints: usage logs, ledger, balance and model catalogue.

Sources: reference/aimlapi.md section 5, reliability.md section 3.1, and the pages and OpenAPI files under
docs/api-references/service-endpoints of github.com/aimlapi/api-docs (usage-logs.md, logs-v2.json, billing-v2.json,
billing-transactions-v2.json, models-catalogue.md). Whether a running job has a row in the logs, and how late rows are,
is documented nowhere (reliability.md section 8): both can be chosen.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.upstreams import aimlapi_errors
from tests.upstreams.aimlapi_models import MODELS
from tests.upstreams.aimlapi_shapes import credits_of
from tests.upstreams.timed_jobs import charge

if TYPE_CHECKING:
    from starlette.datastructures import QueryParams
    from starlette.requests import Request

    from tests.upstreams.aimlapi import FakeAimlApi, Generation
    from tests.upstreams.aimlapi_models import Model

_LONGEST = timedelta(days=92)
_CALLS, _WINDOW = 200, 60.0  # calls per seconds
_OF_LOGS = frozenset({"period", "start", "end", "key_prefix", "model", "status", "limit", "offset"})
_TYPE = "internal/video-generations/submit"


class Account:
    """What a customer can look up."""

    def __init__(self, fake: FakeAimlApi) -> None:
        self._fake = fake
        self._calls: deque[float] = deque()

    def routes(self) -> list[Route]:
        """Make the routes."""
        return [
            Route("/v2/logs", self._logs),
            Route("/v2/billing", self._billing),
            Route("/v2/billing/transactions", self._transactions),
            Route("/v1/models", self._models),
        ]

    async def _logs(self, request: Request) -> Response:
        if refusal := self._fake.refuse_key(request):
            return refusal
        if self._too_often():
            return self._fake.refuse(429, aimlapi_errors.too_many(self._fake.form))
        try:
            start, end = _window(request.query_params, self._fake.clock.now())
            limit, offset = _page(request.query_params)
            statuses = _statuses(request.query_params)
        except ValueError as error:
            return self._fake.refuse(400, aimlapi_errors.error(400, str(error), form=self._fake.form, path="/v2/logs"))
        rows = [self._row(job) for job in reversed(self._listed()) if start <= job.accepted <= end]
        models = request.query_params.getlist("model")
        rows = [row for row in rows if not models or {row["model"], row["model"].partition("/")[2]} & set(models)]
        rows = [row for row in rows if not statuses or row["status"] in statuses]
        page = {"limit": limit, "offset": offset, "total": len(rows), "has_more": offset + limit < len(rows)}
        return JSONResponse({"data": rows[offset : offset + limit], "pagination": page})

    def _listed(self) -> list[Generation]:
        now = self._fake.clock.now() - self._fake.log_lag
        jobs = self._fake.jobs.values()
        return [job for job in jobs if (job.accepted if self._fake.logs_running else job.ends) <= now]

    def _row(self, job: Generation) -> dict[str, Any]:
        failed = job.fails and job.ends <= self._fake.clock.now()
        micro = 0 if failed else job.price
        return {
            "created": _iso(job.accepted),
            "status": "failed" if failed else "succeeded",
            "origin": "api",
            "model": job.model.id,
            "cost": {"usd": micro / 1e6, "credits": credits_of(micro)},
            "tokens": {"input": 0, "output": 0, "total": 0},
            "request_id": f"req-{job.id}",
            "inference_id": job.id,
            "client_request_id": job.client_id,
        }

    def _too_often(self) -> bool:
        now = self._fake.clock.now()
        while self._calls and self._calls[0] <= now - _WINDOW:
            self._calls.popleft()
        self._calls.append(now)
        return len(self._calls) > _CALLS

    async def _billing(self, request: Request) -> Response:
        return self._fake.refuse_key(request) or JSONResponse(
            {"current_balance": self._fake.left() / 1e6, "currency": "USD"}
        )

    async def _transactions(self, request: Request) -> Response:
        if refusal := self._fake.refuse_key(request):
            return refusal
        now = self._fake.clock.now()
        ended = sorted((job for job in self._fake.jobs.values() if job.ends <= now), key=lambda job: -job.ends)
        rows = [_transaction(job) for job in ended if charge(job)]
        limit, start = int(request.query_params.get("limit", 50)), int(request.query_params.get("cursor", 0))
        more = start + limit < len(rows)
        page = {"next_cursor": str(start + limit) if more else None, "has_more": more}
        return JSONResponse({"data": rows[start : start + limit], "pagination": page})

    async def _models(self, request: Request) -> Response:
        wanted = {name.lower() for name in _listed_values(request.query_params, "id")}
        sections = set(_listed_values(request.query_params, "include"))
        found = [model for model in MODELS if not wanted or wanted & {model.id.lower(), *model.aliases}]
        body = json.dumps({"object": "list", "data": [_described(model, sections) for model in found]})
        etag = f'W/"{hashlib.sha256(body.encode()).hexdigest()[:27]}"'
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers={"etag": etag})
        return Response(body, media_type="application/json", headers={"etag": etag})


def _transaction(job: Generation) -> dict[str, Any]:
    return {
        "created_at": _iso(job.ends),
        "direction": "CHARGE",
        "type": "MODEL_USAGE",
        "amount": {"usd": job.price / 1e6, "credits": credits_of(job.price)},
        "model": job.model.id,
        "reference_id": job.id,
    }


def _described(model: Model, sections: set[str]) -> dict[str, Any]:
    info = {"name": model.id.partition("/")[2], "developer": model.developer}
    entry: dict[str, Any] = {"id": model.id, "aliases": list(model.aliases), "type": _TYPE, "info": info, "tags": []}
    if sections & {"pricing", "all"}:
        rates = [
            {"when": {"resolution": name}, "price": usd, "unit": "second", "per": 1} for name, usd in model.usd.items()
        ]
        entry["pricing"] = {"kind": "variants", "dimensions": ["resolution"], "variants": rates}
    if sections & {"capabilities", "all"}:
        entry["capabilities"] = list(model.capabilities)
    return entry


def _listed_values(query: QueryParams, name: str) -> list[str]:
    return [part for value in query.getlist(name) for part in value.split(",") if part]


def _window(query: QueryParams, now: float) -> tuple[float, float]:
    period, start, end = query.get("period"), query.get("start"), query.get("end")
    if bool(period) == bool(start and end) or bool(start) != bool(end):
        raise ValueError("Provide either `period` or both `start` and `end`")
    if period:
        match = re.fullmatch(r"([1-9]\d*)([hd])", period)
        if match is None:
            raise ValueError("period: a positive integer followed by `h` or `d`")
        span = timedelta(**{"hours" if match[2] == "h" else "days": int(match[1])})
        first, last = now - span.total_seconds(), now
    else:
        first, last = (_moment(text) for text in (start or "", end or ""))
    if not 0 <= last - first <= _LONGEST.total_seconds():
        raise ValueError("the window must not be negative or exceed 92 days")
    return first, last


def _statuses(query: QueryParams) -> list[str]:
    if unknown := set(query) - _OF_LOGS:  # what it says to one is not documented
        raise ValueError(f"Unrecognized key(s) in object: {sorted(unknown)}")
    statuses = query.getlist("status")
    if set(statuses) - {"succeeded", "failed"}:
        raise ValueError("status: Invalid enum value. Expected 'succeeded' | 'failed'")
    return statuses


def _page(query: QueryParams) -> tuple[int, int]:
    limit, offset = int(query.get("limit", 50)), int(query.get("offset", 0))
    if not 1 <= limit <= 100 or offset < 0:
        raise ValueError("limit: 1-100, offset: not negative")
    return limit, offset


def _moment(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
