"""The fields of xAI's three submit bodies: which exist, and of which JSON type.

Fields: reference/xai.md section 3. That unknown and missing fields give a 422 is known for `video_url` on edits
(section 3.2); the wording is that of a serde deserialiser, which the answer quoted there resembles (inferred).
"""

from __future__ import annotations

from typing import Any

_MEDIA = {"url": str, "file_id": str}
_COMMON: dict[str, Any] = {
    "model": str,
    "prompt": str,
    "storage_options": {"filename": str, "expires_after": int, "public_url": (bool, {"expires_after": int})},
    "output": {"upload_url": str},
}
SHAPES: dict[str, dict[str, Any]] = {
    "generations": {
        **_COMMON,
        "user": str,
        "image": _MEDIA,
        "image_url": str,
        "reference_images": [_MEDIA],
        "reference_audios": [{"voice_id": str, "url": str}],
        "last_frame": _MEDIA,
        "keyframes": [{"image": _MEDIA, "timestamp_s": float}],
        "duration": int,
        "seconds": int,
        "aspect_ratio": str,
        "resolution": str,
        "generate_audio": bool,
        "size": str,
    },
    "edits": {
        **_COMMON,
        "user": str,
        "video": _MEDIA,
        "duration": int,
        "aspect_ratio": str,
        "resolution": str,
    },
    "extensions": {**_COMMON, "video": _MEDIA, "duration": int},
}
REQUIRED = {"generations": ("model",), "edits": ("model", "video"), "extensions": ("model", "video")}
_NAMES = {str: "a string", int: "an integer", float: "a number", bool: "a boolean"}


def mistake(endpoint: str, body: Any) -> str | None:
    """Say what is wrong with the shape of a body, or None."""
    missing = next((name for name in REQUIRED[endpoint] if isinstance(body, dict) and name not in body), None)
    found = f"missing field `{missing}`" if missing else _mistake(body, SHAPES[endpoint], "")
    return f"Failed to deserialize the JSON body into the target type: {found}" if found else None


def _mistake(value: Any, shape: Any, path: str) -> str | None:
    if isinstance(shape, tuple):
        return None if any(_mistake(value, one, path) is None for one in shape) else f"{path}: invalid type"
    if isinstance(shape, dict):
        return _object_mistake(value, shape, path)
    if isinstance(shape, list):
        if not isinstance(value, list):
            return f"{path}: invalid type, expected a sequence"
        found = (_mistake(item, shape[0], f"{path}[{index}]") for index, item in enumerate(value))
        return next((text for text in found if text), None)
    accepted = (int, float) if shape is float else shape
    right = isinstance(value, accepted) and (shape is bool or not isinstance(value, bool))
    return None if right else f"{path}: invalid type, expected {_NAMES[shape]}"


def _object_mistake(value: Any, shape: dict[str, Any], path: str) -> str | None:
    if not isinstance(value, dict):
        return f"{path or 'body'}: invalid type, expected a map"
    unknown = next((name for name in value if name not in shape), None)
    if unknown is not None:
        return f"unknown field `{f'{path}.' if path else ''}{unknown}`"
    found = (_mistake(item, shape[name], f"{path}.{name}" if path else name) for name, item in value.items())
    return next((text for text in found if text), None)
