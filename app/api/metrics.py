"""/metrics: for Prometheus, in its text format. docs/metrics.md says what is in it."""

from __future__ import annotations

import hmac

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from app.api.deps import Services, get_admin, get_caller

router = APIRouter(include_in_schema=False)


async def check_reader(request: Request, gateway: Services) -> None:
    """Let the metrics key in, and admins. The metrics tell of every tenant, so nobody else's key will do.

    Raises GatewayError missing_api_key, invalid_api_key, permission_denied.
    """
    given = request.headers.get("authorization", "").encode()
    if gateway.metrics_key and hmac.compare_digest(given, f"Bearer {gateway.metrics_key}".encode()):
        return
    await get_admin(await get_caller(request))


@router.get("/metrics", dependencies=[Depends(check_reader)])
async def metrics(gateway: Services) -> Response:
    """Tell how the gateway is."""
    return Response(await gateway.gauges.exposition(), media_type=CONTENT_TYPE_PLAIN_0_0_4)
