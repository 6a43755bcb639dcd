"""Rows into wire shapes: pure, and the only place that decides what clients see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.domain.jobs import State
from app.domain.pricing import dollars
from app.domain.public_state import public_status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.db.tables import OutputRow, VideoRow
    from app.db.videos import Video
    from app.domain.plain import Json
    from app.services.links import Links


def video_object(video: Video, base_url: str, links: Links, titles: Mapping[str, str]) -> dict[str, Json]:
    """Build the public video object (`schemas.VideoObject`); `titles` names the providers for people."""
    row = video.row
    there = not video.expired(links.clock())
    outputs = [_output(row, output, base_url, links if there else None) for output in video.outputs]
    finished = row.status == "completed"
    done = next((output for output in outputs if output["status"] == "completed"), None) if finished else None
    first = done if there else None
    return {
        "id": row.id,
        "object": "video",
        "model": row.model,
        "status": row.status,
        "progress": row.progress,
        "created_at": int(row.created_at),
        "completed_at": _whole(row.completed_at) if finished else None,
        "expires_at": _whole(row.expires_at),
        "prompt": row.prompt,
        "size": row.size,
        "seconds": row.seconds,
        "remixed_from_video_id": row.remixed_from,
        "error": _error(row.error_code, row.error_message) if row.status == "failed" else None,
        "url": first["url"] if first else None,
        "output": {name: first[name] for name in _FILE_FACTS} if first else None,
        "outputs": list(outputs),
        "n": row.n,
        "metadata": _metadata(video, titles),
        "warnings": list(row.warnings),
    }


_FILE_FACTS = ("url", "content_type", "size_bytes", "width", "height", "duration", "fps", "num_frames")


def _output(video: VideoRow, output: OutputRow, base_url: str, links: Links | None) -> dict[str, Json]:
    url = None
    if links and output.state == State.COMPLETED:
        url = f"{base_url}/v1/videos/{video.id}/content?{links.query(video.id, output.index)}"
    return {
        "index": output.index,
        "status": public_status(State(output.state), output.history),
        "progress": output.progress,
        "url": url,
        "content_type": output.content_type,
        "size_bytes": output.size_bytes,
        "width": output.width,
        "height": output.height,
        "duration": output.duration,
        "fps": output.fps,
        "num_frames": output.num_frames,
        "error": _error(output.error_code, output.error_message),
    }


def executed_by(video: Video) -> tuple[str, str]:
    """Return who makes the video and under which model id: the provider of the first output that was or is made."""
    made = [output for output in video.outputs if output.state == State.COMPLETED] or list(video.outputs)
    provider = made[0].provider
    return provider, f"{provider}/{video.row.executed_model.partition('/')[2]}"


def _metadata(video: Video, titles: Mapping[str, str]) -> dict[str, Json]:
    """Put the caller's own pairs and the gateway's facts together; money in dollars."""
    row = video.row
    costs = [output.cost for output in video.outputs]
    known = [cost for cost in costs if cost is not None]
    provider, executed_model = executed_by(video)
    return {
        **row.pairs,
        "provider": provider,
        "provider_name": titles.get(provider, provider),
        "executed_model": executed_model,
        "upstream_id": next((str(o.operation["id"]) for o in video.outputs if o.operation), None),
        "cost_estimate": None if row.cost_estimate is None else dollars(row.cost_estimate),
        "cost": dollars(sum(known)) if known else None,
        "cost_currency": "USD",
        "attempts": [attempt(output.index, each) for output in video.outputs for each in output.history],
    }


def attempt(index: int, entry: dict[str, Json]) -> Json:
    """Tell how one attempt of one output ended; money in dollars."""
    cost = entry.get("cost")
    told = {name: entry.get(name) for name in ("provider", "outcome", "code", "message")}
    return {"index": index, **told, "cost": dollars(cost) if isinstance(cost, int) else None}


def _error(code: str | None, message: str | None) -> dict[str, Json] | None:
    return None if code is None else {"code": code, "message": message or ""}


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds)
