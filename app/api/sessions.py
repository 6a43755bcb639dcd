"""/session: signing in to the dashboard by an API key, and out again."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from app.api.browser import drop_cookie, is_own_page, session_token, set_cookie
from app.api.deps import Gateway, Services, recognise
from app.domain.errors import GatewayError
from app.services.accounts import ADMIN, OPEN, Caller
from app.services.sessions import LIFETIME

router = APIRouter(include_in_schema=False, prefix="/session")

_NO_STORE = {"cache-control": "no-store"}


class SignIn(BaseModel):
    """What signs in."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    api_key: Annotated[str, Field(min_length=1, max_length=512)]


@router.get("")
async def retrieve_session(request: Request, gateway: Services) -> JSONResponse:
    """Say who is signed in; on an open gateway, everybody is."""
    try:
        caller = await recognise(request, gateway)
    except GatewayError as refusal:
        if refusal.kind.status != 401:  # noqa: PLR2004 - not signed in is an answer
            raise
        return JSONResponse({"object": "session", "signed_in": False}, headers=_NO_STORE)
    return JSONResponse(await _session(gateway, caller), headers=_NO_STORE)


@router.post("")
async def sign_in(request: Request, gateway: Services, wanted: SignIn) -> JSONResponse:
    """Exchange an API key for a cookie."""
    _check_page(request, gateway)
    if await gateway.accounts.is_open():
        return JSONResponse(await _session(gateway, OPEN), headers=_NO_STORE)
    begun = await gateway.sessions.begin(wanted.api_key)
    response = JSONResponse(await _session(gateway, begun.caller), headers=_NO_STORE)
    set_cookie(request, response, begun.token, LIFETIME)
    return response


@router.delete("")
async def sign_out(request: Request, gateway: Services) -> JSONResponse:
    """End the session: its cookie is good for nothing from now on."""
    _check_page(request, gateway)
    token = session_token(request, gateway.public_url)
    if token is not None:
        await gateway.sessions.end(token)
    response = JSONResponse({"object": "session", "signed_in": False}, headers=_NO_STORE)
    drop_cookie(request, response)
    return response


def _check_page(request: Request, gateway: Gateway) -> None:
    if not is_own_page(request, gateway.public_url):
        message = (
            "Only the dashboard itself may do this. Behind a proxy: let it pass the Host header on, or set "
            "REELGATE_PUBLIC_URL to the address in the browser."
        )
        raise GatewayError("permission_denied", message)


async def _session(gateway: Gateway, caller: Caller) -> dict[str, object]:
    return {
        "object": "session",
        "signed_in": True,
        "open": caller == OPEN,
        "role": caller.role,
        "name": await _name(gateway, caller),
    }


async def _name(gateway: Gateway, caller: Caller) -> str:
    """Name the key for people."""
    if caller.owner in (OPEN.owner, ADMIN.owner):
        return caller.owner
    return (await gateway.accounts.get_key(caller.owner)).row.name
