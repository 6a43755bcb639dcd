"""/healthz and /readyz: is the process alive, can it do its work."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from sqlalchemy import text

from app.api import schemas
from app.api.deps import Services
from app.db.session import DatabaseUnavailable

router = APIRouter(tags=["health"])

VERSION = version("reelgate")


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz", response_model=schemas.Health)
async def healthz() -> JSONResponse:
    """Say that the process lives."""
    return JSONResponse({"status": "ok", "service": "reelgate", "version": VERSION})


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", response_model=schemas.Health, responses={503: {"model": schemas.Health}})
async def readyz(gateway: Services) -> JSONResponse:
    """Say whether requests will be served: the database answers."""
    try:
        async with gateway.database.read() as session:
            await session.execute(text("SELECT 1"))
    except DatabaseUnavailable:
        return JSONResponse({"status": "unavailable", "service": "reelgate", "version": VERSION}, 503)
    if not (gateway.database.alive and (gateway.engine is None or gateway.engine.alive)):
        return JSONResponse({"status": "unavailable", "service": "reelgate", "version": VERSION}, 503)
    return JSONResponse({"status": "ok", "service": "reelgate", "version": VERSION})
