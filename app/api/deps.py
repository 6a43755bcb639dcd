"""What routes ask for: the services, the caller, and a folder for one request's files."""

from __future__ import annotations

import math
import secrets
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from app.api import noted
from app.api.browser import session_token
from app.api.origins import check_visitor
from app.domain.errors import GatewayError
from app.services.accounts import OPEN, Caller
from app.services.budgets import rate_exceeded

if TYPE_CHECKING:
    from app.db.budgets import Rate
    from app.db.session import Database
    from app.domain.catalogue import Catalogue
    from app.media.store import MediaStore
    from app.providers.base import Provider
    from app.services.accounts import Accounts
    from app.services.budgets import Budgets
    from app.services.callbacks import Callbacks
    from app.services.engine import Engine
    from app.services.feed import Feed
    from app.services.following import Following
    from app.services.gauges import Gauges
    from app.services.health import Health
    from app.services.library import Library
    from app.services.link_secrets import LinkSecrets
    from app.services.links import Links
    from app.services.planning import Planner
    from app.services.request_log import RequestLog
    from app.services.revoking import Revoking
    from app.services.sessions import Sessions
    from app.services.snapshots import Snapshots
    from app.services.submissions import Submissions
    from app.services.videos import Videos
    from app.services.webhooks import Webhooks


@dataclass(frozen=True, slots=True)
class Gateway:
    """Everything the HTTP surface stands on; `main` puts one on `app.state.gateway`."""

    videos: Videos
    snapshots: Snapshots
    planner: Planner
    engine: Engine | None
    feed: Feed
    following: Following
    callbacks: Callbacks
    submissions: Submissions
    webhooks: Webhooks
    library: Library
    accounts: Accounts
    sessions: Sessions
    revoking: Revoking
    budgets: Budgets
    request_log: RequestLog
    links: Links
    link_secrets: LinkSecrets
    store: MediaStore
    database: Database
    gauges: Gauges
    health: Health
    metrics_key: str | None
    catalogue: Catalogue
    providers: dict[str, Provider]
    public_url: str | None
    names: frozenset[str]
    uploads: Path
    default_poll_ms: int


def gateway_of(request: Request) -> Gateway:
    """Return the gateway's services; a dependency less for each dependency that calls it, which requests wait for."""
    gateway: Gateway = request.app.state.gateway
    return gateway


async def get_gateway(request: Request) -> Gateway:
    """Return the gateway's services. Async, because FastAPI runs sync dependencies in a thread."""
    return gateway_of(request)


Services = Annotated[Gateway, Depends(get_gateway)]


async def recognise(request: Request, gateway: Gateway) -> Caller:
    """Recognise the caller by its key or its session; without keys it may be anyone but a stranger's page.

    Raises GatewayError missing_api_key, invalid_api_key, permission_denied.
    """
    authorization = request.headers.get("authorization")
    if authorization is None and (token := session_token(request, gateway.public_url)):
        caller = await gateway.sessions.authenticate(token)
    else:
        caller = await gateway.accounts.authenticate(authorization)
    if caller is OPEN:
        check_visitor(request.method, request.headers, gateway.names, gateway.public_url)
    return caller


async def get_caller(request: Request) -> Caller:
    """Recognise the caller. Raises GatewayError missing_api_key, invalid_api_key, permission_denied."""
    gateway = gateway_of(request)
    caller = await recognise(request, gateway)
    noted.begin(request, gateway.request_log, caller.owner, gateway.database.clock())
    if caller.role == "reader" and request.method not in ("GET", "HEAD"):
        raise GatewayError("permission_denied", "This API key may only read: it has the role reader.")
    return caller


Client = Annotated[Caller, Depends(get_caller)]


async def get_admin(caller: Client) -> Caller:
    """Let only admins through. Raises GatewayError permission_denied."""
    if caller.role != "admin":
        raise GatewayError(
            "permission_denied",
            "This needs an admin key: one made with `reelgate keys create NAME --admin`, or REELGATE_ADMIN_KEY.",
        )
    return caller


Admin = Annotated[Caller, Depends(get_admin)]


async def get_maker(request: Request, caller: Client) -> Caller:
    """Count the request of a caller who wants something made. Raises GatewayError rate_limit_exceeded."""
    rate = await gateway_of(request).budgets.admit(caller)
    if rate is not None:
        request.state.answer_headers = _rate_headers(rate)
        if not rate.admitted:
            raise rate_exceeded(rate)
    return caller


Maker = Annotated[Caller, Depends(get_maker)]


def _rate_headers(rate: Rate) -> dict[str, str]:
    """Tell the rate as OpenAI's answers do."""
    return {
        "x-ratelimit-limit-requests": str(rate.limit),
        "x-ratelimit-remaining-requests": str(rate.remaining),
        "x-ratelimit-reset-requests": f"{math.ceil(rate.reset)}s",
    }


async def get_folder(request: Request) -> AsyncIterator[Path]:
    """Give the request a folder of its own, which whoever puts a file there makes; removed when it is answered."""
    folder = gateway_of(request).uploads / secrets.token_hex(16)
    try:
        yield folder
    finally:
        if folder.exists():
            shutil.rmtree(folder, ignore_errors=True)


Folder = Annotated[Path, Depends(get_folder)]


def base_url(request: Request, gateway: Gateway) -> str:
    """Return the address clients reach us at, without a slash at the end."""
    return gateway.public_url or str(request.base_url).rstrip("/")
