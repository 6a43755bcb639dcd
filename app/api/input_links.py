"""/inputs: a job's own inputs, by signed link only, for providers that fetch them from us."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from app.api import docs
from app.api.deps import Services
from app.db import videos
from app.domain.errors import GatewayError
from app.media.errors import MediaError
from app.media.store import disposition
from app.services.inputs import prefix

router = APIRouter(tags=["callbacks"])


@router.get(
    "/inputs/{video_id}/{index}", responses=docs.errors("invalid_value", "file_not_found", "storage_unavailable")
)
async def get_input(
    video_id: str,
    index: int,
    gateway: Services,
    expires: Annotated[int, Query(ge=0, le=1 << 40)],
    signature: Annotated[str, Query(max_length=128)],
) -> StreamingResponse:
    """Serve one input of a job that is being submitted."""
    if not gateway.links.allows_input(video_id, index, expires, signature):
        raise GatewayError("invalid_api_key", "The link has expired or was altered.")
    key = f"{prefix(video_id)}/{index}"
    try:
        stored = await gateway.store.head(key)
        content = await gateway.store.read(key, 0, stored.size)
    except (MediaError, ValueError) as error:
        raise GatewayError("file_not_found", "The input is no longer stored.") from error
    async with gateway.database.read() as session:
        content_type = await videos.input_type(session, video_id, index)
    headers = {
        "content-length": str(stored.size),
        "cache-control": "private",
        "content-disposition": disposition(f"input-{index}"),
        "x-content-type-options": "nosniff",
        "content-security-policy": "sandbox",
    }
    return StreamingResponse(
        content,
        headers=headers,
        media_type=content_type or "application/octet-stream",
    )
