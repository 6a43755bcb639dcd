"""/videos/{id}/timeline: when a video was queued, submitted, taken and stored, per output and provider."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

from app.api import docs
from app.api.deps import Client, Services
from app.db import timeline
from app.db.tables import SubmissionRow
from app.db.videos import Video
from app.domain.jobs import TERMINAL, State

router = APIRouter(tags=["videos"])

_ANSWERED = frozenset({"accepted", "refused", "unsent", "resent"})  # whatever else a phase says, an operator found out


class Step(BaseModel):
    """One thing that happened. `at` is unix seconds; `index` is the output, null for the video as a whole.

    After `failed_over` the output goes on with the next provider; `failed` is its end.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    step: Literal[
        "queued",
        "submitted",
        "accepted",
        "refused",
        "unsent",
        "resent",
        "resolved",
        "failed_over",
        "completed",
        "failed",
    ]
    at: float
    index: int | None
    provider: str | None


class Timeline(BaseModel):
    """What happened to a video, in its order."""

    model_config = ConfigDict(extra="forbid", strict=True)

    object: Literal["video.timeline"]
    video_id: str
    mode: str
    data: list[Step]


@router.get("/videos/{video_id}/timeline", response_model=Timeline, responses=docs.errors("video_not_found"))
async def retrieve_timeline(video_id: str, gateway: Services, caller: Client) -> JSONResponse:
    """Tell when what happened to a video: each paid request to a provider, its answer, the end of each output."""
    video = await gateway.videos.read(caller, video_id)
    async with gateway.database.read() as session:
        sent = await timeline.submissions(session, video.row.id)
    steps = [_step("queued", video.row.created_at, None, None), *_ends(video)]
    for index, row in sent:
        steps += _asked(index, row)
    steps.sort(key=lambda step: step["at"])  # type: ignore[arg-type,return-value]  # times, by construction
    shown = {"object": "video.timeline", "video_id": video.row.id, "mode": video.row.mode, "data": steps}
    return JSONResponse(shown)


def _asked(index: int, row: SubmissionRow) -> list[dict[str, object]]:
    steps = [_step("submitted", row.intent_at, index, row.provider)]
    if row.answered_at is not None:
        step = row.phase if row.phase in _ANSWERED else "resolved"
        steps.append(_step(step, row.answered_at, index, row.provider))
    if row.failed_at is not None:
        steps.append(_step("failed_over", row.failed_at, index, row.provider))
    return steps


def _ends(video: Video) -> list[dict[str, object]]:
    return [
        _step(output.state, output.completed_at, output.index, output.provider)
        for output in video.outputs
        if State(output.state) in TERMINAL and output.completed_at is not None
    ]


def _step(step: str, at: float, index: int | None, provider: str | None) -> dict[str, object]:
    return {"step": step, "at": round(at, 3), "index": index, "provider": provider}
