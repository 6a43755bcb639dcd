"""/balance: what the calling key may still spend."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from app.api import docs
from app.api import key_schemas as schemas
from app.api.deps import Client, Services
from app.domain.pricing import dollars

router = APIRouter(tags=["money"])


@router.get("/balance", response_model=schemas.BalanceObject, responses=docs.errors())
async def retrieve_balance(gateway: Services, caller: Client) -> JSONResponse:
    """Tell what your key may still spend, in dollars."""
    balance = await gateway.budgets.balance(caller)
    available = balance.available
    return JSONResponse(
        {
            "object": "balance",
            "available": None if available is None else {"amount": dollars(available), "currency": "usd"},
            "limit": None if balance.limit is None else dollars(balance.limit),
            "spent": dollars(balance.spent),
            "reserved": dollars(balance.reserved),
            "period": balance.period,
            "resets_at": None if balance.resets_at is None else int(balance.resets_at),
        }
    )
