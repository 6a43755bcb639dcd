"""The shapes of AI/ML API's submit and poll answers: reference/aimlapi.md sections 3 to 3.2.

`behaviour.shape(…)` on "job" changes them; its parts:

- words={"queued": "waiting", "generating": "processing", "completed": "succeeded", "error": "failed"}
- video="file" (content_type, file_name, file_size beside url) or "list" (of URL strings)
- id="model" (uuid:model), "digits" or "cgt" instead of a nanoid
- meta=False (neither answer has it)
"""

from __future__ import annotations

import secrets
import string
import uuid
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.upstreams.behaviour import Do
    from tests.upstreams.timed_jobs import Job

CREDITS = 2_000_000  # per dollar: section 5
_QUEUED = 0.2  # the part of its time that a job waits
_NANOID = string.ascii_letters + string.digits + "_-"

FACE_NOT_FOUND: dict[str, Any] = {
    "detail": [
        {
            "loc": ["body", "image_url"],
            "msg": "Could not detect face in the image",
            "type": "face_detection_error",
            "input": {},
        }
    ]
}


def new_id(model: str, do: Do | None) -> str:
    """Make a generation id of today's form, or of the one a rule asks for."""
    form = do.body.get("id") if do and do.kind == "shape" and isinstance(do.body, dict) else None
    if form == "model":
        return f"{uuid.uuid4()}:{model}"
    if form == "digits":
        return str(secrets.randbelow(9 * 10**14) + 10**14)
    if form == "cgt":
        return f"cgt-20261120100000-{secrets.token_hex(3)[:5]}"
    return "".join(secrets.choice(_NANOID) for _ in range(21))


def submitted(job: Job) -> dict[str, Any]:
    """Answer a submit; the cost is in it already."""
    usage = {"credits_used": credits_of(job.price), "usd_spent": job.price / 1e6}
    answer = {"id": job.id, "status": _word(job, "queued")}
    return answer if job.shape.get("meta") is False else {**answer, "meta": {"usage": usage}}


def polled(job: Job, now: float, url: str) -> dict[str, Any]:
    """Answer a poll; only credits_used is documented there."""
    answer = {"id": job.id, **_state(job, now, url)}
    if job.shape.get("meta") is False:
        return answer
    return {**answer, "meta": {"usage": {"credits_used": credits_of(job.price)}}}


def credits_of(micro: int) -> int:
    """Say micro-dollars as AI/ML API does."""
    return micro * CREDITS // 1_000_000


def _state(job: Job, now: float, url: str) -> dict[str, Any]:
    if now < job.ends:
        return {"status": _word(job, "queued" if job.progress(now) < _QUEUED else "generating")}
    if job.fails and job.do:
        error = job.do.body or {"name": job.do.error_type or "GenerationError", "message": job.do.error}
        return {"status": _word(job, "error"), "error": error}
    return {"status": _word(job, "completed"), "video": _video(job, url)}


def _video(job: Job, url: str) -> Any:
    if job.do and job.do.kind == "no_video":
        return None
    match job.shape.get("video"):
        case "list":
            return [url]
        case "file":
            size = len(job.film())
            return {"url": url, "content_type": "video/mp4", "file_name": "output.mp4", "file_size": size}
        case _:
            return {"url": url}


def _word(job: Job, word: str) -> str:
    words: dict[str, str] = job.shape.get("words", {})
    return words.get(word, word)
