"""What xAI answers to a poll: reference/xai.md section 4.

`behaviour.shape(…)` on "job" changes it; its parts:

- running="empty" (202 without a body) or "ok" (200 instead of 202)
- done="bare" (no status, as the AI SDK allows for)
- moderated="flag" (done, respect_moderation false, url ""), "failed" (invalid_argument), "refused" (HTTP 400 on the
  poll) or "coded" (the same with a code of 2026); every one is billed
- storage="error" (the film could not be stored as a file)

`behaviour.fail(error_type=…, error=…, units=…)`: error_type is the code; `units` is the share of the price that is
billed all the same, 0 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from tests.upstreams import xai_errors
from tests.upstreams.timed_jobs import Job, charge

if TYPE_CHECKING:
    from tests.upstreams.behaviour import Do

_TICKS = 10_000  # per micro-dollar: section 4.3
_LIFE = 24 * 3600  # seconds that a result is kept: section 4.3


@dataclass(frozen=True, kw_only=True)
class Video(Job):
    """An accepted submission. `storage` is its storage_options, `file_id` the file that the film becomes."""

    model: str
    storage: dict[str, Any] | None
    file_id: str
    upload_url: str | None

    @property
    def fails(self) -> bool:
        """Whether it ends badly; moderation is an end without a film."""
        return super().fails or "moderated" in self.shape

    def expired(self, now: float) -> bool:
        """Whether its film is gone."""
        return now >= self.ends + _LIFE


def failed_price(price: int, do: Do | None) -> int:
    """Return what a failure costs: blocked output is billed in full (section 4.1)."""
    if do is None or do.kind == "shape":
        return price
    return round(price * do.units)


def polled(video: Video, now: float, url: str, file_output: dict[str, Any] | None) -> Response:
    """Answer a poll."""
    if now < video.ends:
        return _pending(video, now)
    usage = {"usage": {"cost_in_usd_ticks": charge(video) * _TICKS}}
    match video.shape.get("moderated"):
        case "refused" | "coded" as shape:
            body = xai_errors.rejected(charge(video) * _TICKS, coded=shape == "coded")
            return JSONResponse(body, 400)
        case "failed":
            return JSONResponse({**_failed(video, "invalid_argument", xai_errors.REJECTED), **usage})
    if video.do and video.do.kind == "fail":
        return JSONResponse({**_failed(video, video.do.error_type or "internal_error", video.do.error or ""), **usage})
    if video.expired(now):
        return JSONResponse({"status": "expired", "progress": 100, "model": video.model})
    done = {"progress": 100, "model": video.model, "video": _film(video, url, file_output), **usage}
    return JSONResponse(done if video.shape.get("done") == "bare" else {"status": "done", **done})


def _pending(video: Video, now: float) -> Response:
    running = video.shape.get("running")
    if running == "empty":
        return Response(status_code=202)
    body = {"status": "pending", "progress": min(99, int(video.progress(now) * 100)), "model": video.model}
    return JSONResponse(body, 200 if running == "ok" else 202)


def _failed(video: Video, code: str, text: str) -> dict[str, Any]:
    error = (video.do.body if video.do and video.do.kind == "fail" else None) or {"code": code, "message": text}
    return {"status": "failed", "progress": 0, "model": video.model, "error": error}


def _film(video: Video, url: str, file_output: dict[str, Any] | None) -> dict[str, Any] | None:
    if video.do and video.do.kind == "no_video":
        return None
    flagged = "moderated" in video.shape
    film: dict[str, Any] = {
        "url": "" if flagged else video.upload_url or url,
        "duration": video.seconds,
        "respect_moderation": not flagged,
    }
    if video.storage and video.shape.get("storage") == "error":
        return {**film, "storage_error": "The video could not be stored."}
    return {**film, "file_output": file_output} if file_output and not flagged else film
