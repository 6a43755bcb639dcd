"""/usage: what was made and what it cost, added up."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from app.api import docs
from app.api import key_schemas as schemas
from app.api.deps import Client, Services
from app.api.queries import DIGITS
from app.db.ledger import Group, Span
from app.domain.limits import DAY
from app.domain.pricing import dollars

router = APIRouter(tags=["money"])


class UsageQuery(BaseModel):
    """Which part of the ledger: from `start` to before `end`, in unix seconds."""

    start: Annotated[int, Field(ge=0, le=1 << 40), DIGITS] | None = None
    end: Annotated[int, Field(ge=0, le=1 << 40), DIGITS] | None = None
    group_by: Literal["day", "model", "provider", "key"] = "day"


@router.get("/usage", response_model=schemas.UsageList, responses=docs.errors("invalid_value"))
async def list_usage(gateway: Services, caller: Client, query: Annotated[UsageQuery, Query()]) -> JSONResponse:
    """Add up what your key has made and what it cost, by day of UTC, model, provider or key; admins see every key's."""
    owner = None if caller.role == "admin" else caller.owner
    found = await gateway.budgets.usage(query.group_by, Span(owner, query.start, query.end))
    data = [
        {
            query.group_by: _name(query.group_by, each.group),
            "videos": each.videos,
            "outputs": each.outputs,
            "seconds": round(each.seconds, 3),
            "cost": dollars(each.cost),
            "currency": "usd",
        }
        for each in found
    ]
    return JSONResponse({"object": "list", "data": data})


def _name(group: Group, found: int | str) -> str:
    return datetime.fromtimestamp(int(found) * DAY, UTC).strftime("%Y-%m-%d") if group == "day" else str(found)
