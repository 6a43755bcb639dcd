"""What xAI says to a submit whose shape is right: its rules per model, and what the video will be and cost.

Rules: reference/xai.md section 3; abilities per model: section 2. The wording of a refusal is not documented, save for
the code `invalid-argument` (section 3.1, `output`).
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from io import BytesIO
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from PIL import Image

from tests.upstreams import xai_models
from tests.upstreams.films import frame
from tests.upstreams.xai_errors import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.upstreams.xai_models import Model

_IMAGE_BYTES = 10 << 20
_IMAGE_FORMATS = ("PNG", "JPEG", "WEBP")
_PROMPT_CHARACTERS = 4096
_EDIT_SECONDS = 8.7
_DAY_LIMITS = (3600, 2_592_000)  # the lower one is that of new-api's check of the same field


@dataclass(frozen=True)
class Clip:
    """What is known of a source video."""

    width: int
    height: int
    seconds: float


@dataclass(frozen=True)
class Plan:
    """The video that an accepted submit becomes."""

    model: Model
    frame: tuple[int, int]
    seconds: float
    usd: float


def plan(endpoint: str, body: dict[str, Any], model: Model, source: Clip | None) -> Plan:
    """Check a body of the right shape, or raise Refused. `source` is the clip that `video` names."""
    refusal = next(_refusals(endpoint, body, model, source), None)
    if refusal:
        raise Refused(400, refusal)
    if endpoint == "generations":
        return _generation(body, model)
    assert source is not None
    added = body.get("duration", 6) if endpoint == "extensions" else 0
    usd = (added or source.seconds) * model.usd["720p"] + source.seconds * model.source_usd
    return Plan(model, _capped(source), source.seconds + added, usd)


def _generation(body: dict[str, Any], model: Model) -> Plan:
    seconds = body.get("duration", body.get("seconds", 8))
    resolution = body.get("resolution", "480p")
    first = body.get("image") or {"url": body.get("image_url", "")}
    images = len(body.get("reference_images", [])) + ("image" in body or "image_url" in body)
    usd = seconds * model.usd[resolution] + images * model.image_usd
    return Plan(model, frame(resolution, body.get("aspect_ratio") or _ratio_of(first) or "16:9"), seconds, usd)


def _capped(source: Clip) -> tuple[int, int]:
    """Keep the source's frame, at most 720p, in even numbers."""
    scale = min(1.0, 720 / min(source.width, source.height))
    return int(source.width * scale) // 2 * 2, int(source.height * scale) // 2 * 2


def _refusals(endpoint: str, body: dict[str, Any], model: Model, source: Clip | None) -> Iterator[str]:
    if len(body.get("prompt", "")) > _PROMPT_CHARACTERS:
        yield f"Prompt exceeds the maximum length of {_PROMPT_CHARACTERS} characters."
    yield from _storage_refusals(body.get("storage_options"))
    if endpoint == "generations":
        yield from _generation_refusals(body, model)
        return
    if not model.edits:
        yield f"Model {model.id} does not support video {endpoint}."
    if not body.get("prompt"):
        yield "A prompt is required."
    if source is None:
        yield "The video could not be fetched."
    elif endpoint == "edits" and source.seconds > _EDIT_SECONDS:
        yield f"Input video exceeds the maximum duration of {_EDIT_SECONDS} seconds."
    elif endpoint == "extensions" and not 2 <= source.seconds <= 15:
        yield "Input video must be between 2 and 15 seconds."
    if endpoint == "extensions" and not 2 <= body.get("duration", 6) <= 10:
        yield "Duration must be between 2 and 10 seconds."


def _generation_refusals(body: dict[str, Any], model: Model) -> Iterator[str]:
    image = "image" in body or "image_url" in body
    references = body.get("reference_images", [])
    pinned = "last_frame" in body or "keyframes" in body
    if not body.get("prompt") and not (image or pinned):
        yield "A prompt is required for text-to-video and reference-to-video."
    if image and references and not model.pins:
        yield "image and reference_images cannot be combined."
    if len(references) > model.references:
        yield f"Model {model.id} takes at most {model.references} reference images."
    if len(body.get("reference_audios", [])) > model.voices:
        yield f"Model {model.id} takes at most {model.voices} reference audios."
    if pinned and not model.pins:
        yield f"Model {model.id} does not support last_frame and keyframes."
    for media in (body.get("image"), *references, body.get("last_frame")):
        if media is not None:
            yield from _image_refusals(media)
    yield from _output_refusals(body, model)


def _output_refusals(body: dict[str, Any], model: Model) -> Iterator[str]:
    seconds = body.get("duration", body.get("seconds", 8))
    longest = model.reference_seconds if body.get("reference_images") else 15
    if not 1 <= seconds <= longest:
        yield f"Duration {seconds}s is outside the allowed range of 1 to {longest} seconds."
    if body.get("aspect_ratio", "16:9") not in xai_models.RATIOS:
        yield f"Unsupported aspect_ratio: {body['aspect_ratio']}."
    if body.get("resolution", "480p") not in model.usd:
        yield f"Model {model.id} does not support resolution {body['resolution']}."
    yield from _keyframe_refusals(body.get("keyframes", []), seconds)


def _keyframe_refusals(keyframes: list[dict[str, Any]], seconds: float) -> Iterator[str]:
    times = sorted(keyframe.get("timestamp_s", 0) for keyframe in keyframes)
    if len(times) > 4:
        yield "At most 4 keyframes are supported."
    if any(not 0 < time < seconds for time in times):
        yield "Keyframes must lie strictly inside the clip."
    if any(after - before < 1 / 3 for before, after in pairwise(times)):
        yield "Keyframes must be at least 1/3 s apart."


def _storage_refusals(storage: dict[str, Any] | None) -> Iterator[str]:
    if storage is None:
        return
    if not storage.get("filename"):
        yield "storage_options.filename is required."
    public = storage.get("public_url")
    lives = (storage.get("expires_after"), public.get("expires_after") if isinstance(public, dict) else None)
    if any(life is not None and not _DAY_LIMITS[0] <= life <= _DAY_LIMITS[1] for life in lives):
        yield f"expires_after must be between {_DAY_LIMITS[0]} and {_DAY_LIMITS[1]} seconds."


def _image_refusals(media: dict[str, Any]) -> Iterator[str]:
    if ("url" in media) == ("file_id" in media):
        yield "Exactly one of url and file_id is required."
    elif (url := media.get("url", "")) and not url.startswith(("https://", "http://", "data:image/")):
        yield "Image url must be an https URL or a data URI."
    elif url.startswith("data:"):
        try:
            content, kind, _ = _decoded(url)
        except (binascii.Error, OSError, ValueError):
            yield "The image could not be decoded."
            return
        if len(content) > _IMAGE_BYTES or kind not in _IMAGE_FORMATS:
            yield "Images must be PNG, JPG or WebP of at most 10 MiB."


def _ratio_of(media: dict[str, Any]) -> str | None:
    """Take an input image's own ratio; links are not fetched by the fake, so only a data URI has one."""
    if not str(media.get("url", "")).startswith("data:"):
        return None
    width, height = _decoded(media["url"])[2]
    return f"{width}:{height}"


def _decoded(url: str) -> tuple[bytes, str | None, tuple[int, int]]:
    content = base64.b64decode(url.partition(",")[2], validate=True)
    with Image.open(BytesIO(content)) as image:
        return content, image.format, image.size
