"""Input images and videos as a request names them: a file, a URL, a data URI, an uploaded file or a finished video."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import parse_qsl

from app.domain.errors import GatewayError, invalid

if TYPE_CHECKING:
    from pathlib import Path

N_LIMIT = 10  # outputs of one video

_SOURCES = ("image_url", "video_url", "url", "file_id", "id")
_FORMS = 'a file part, an https URL, a data URI, {"image_url": …}, {"file_id": …} or, for a video, {"id": "video_…"}'

_CONTENT = re.compile(r"(?:/openai)?/v1/videos/(?P<id>video_[0-9a-f]+)/content\?(?P<query>[^#]*)")
_INDEX = re.compile(r"[0-9]")
_EXPIRES = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file part, already on disk: `sha256` in hex, `size` in bytes, `filename` as the client sent it (untrusted)."""

    path: Path
    sha256: str
    size: int
    filename: str | None


@dataclass(frozen=True, slots=True)
class Url:
    """A user-given URL; hostile until `media.fetch` says otherwise."""

    url: str


@dataclass(frozen=True, slots=True)
class DataUri:
    """A `data:` URI, not decoded yet."""

    text: str


@dataclass(frozen=True, slots=True)
class FileId:
    """A file uploaded before through /files."""

    id: str


@dataclass(frozen=True, slots=True)
class VideoId:
    """A finished video; `index` is the output, None the first that finished.

    It belongs to the same owner, or to whoever gave them a link of ours (`linked`).
    """

    id: str
    index: int | None = None
    linked: bool = False


MediaRef: TypeAlias = Upload | Url | DataUri | FileId | VideoId


@dataclass(frozen=True, slots=True)
class NamedRef:
    """A media reference and the field that carried it, for messages."""

    param: str
    ref: MediaRef


def media_ref(value: object, param: str) -> MediaRef:
    """Read one image or video: a file, a URL, a data URI, or an object naming one of them. Raises GatewayError."""
    if isinstance(value, Upload):
        return value
    if isinstance(value, str) and value:
        return _text_ref(value, param)
    found = {key: value[key] for key in _SOURCES if value.get(key)} if isinstance(value, dict) else {}
    if len(found) > 1:
        names = " and ".join(found)
        raise GatewayError("conflicting_parameters", f"{param} must name exactly one source, not {names}.", param=param)
    if not isinstance(value, dict) or not found:
        raise invalid(param, f"Invalid {param}: expected {_FORMS}.")
    key, inner = found.popitem()
    if key in ("file_id", "id"):
        return _id_ref(key, inner, value, param)
    if isinstance(inner, dict):  # chat completions nest once more: {"image_url": {"url": …}}
        inner = inner.get("url")
    if isinstance(inner, Upload):
        return inner
    if not isinstance(inner, str):
        raise invalid(f"{param}.{key}", f"Invalid {param}.{key}: expected an https URL or a data URI.")
    return _text_ref(inner, f"{param}.{key}")


@dataclass(frozen=True, slots=True)
class ContentLink:
    """A link of the gateway's own to one output, not verified yet."""

    video_id: str
    index: int
    expires: int
    signature: str


def content_link(url: str, base_urls: tuple[str, ...]) -> ContentLink | None:
    """Read a signed link to an output's video under one of `base_urls`; None when `url` is something else."""
    match = _CONTENT.fullmatch(next((url[len(base) :] for base in base_urls if url.startswith(f"{base}/")), ""))
    query = dict(parse_qsl(match["query"])) if match else {}
    index, expires = query.get("index", ""), query.get("expires", "")
    if not match or query.get("variant", "video") != "video" or not _INDEX.fullmatch(index):
        return None
    if not _EXPIRES.fullmatch(expires) or "signature" not in query:
        return None
    return ContentLink(match["id"], int(index), int(expires), query["signature"])


def _text_ref(text: str, param: str) -> MediaRef:
    if text[:5].lower() == "data:":
        return DataUri(text)
    if text[:8].lower() == "https://" or text[:7].lower() == "http://":
        return Url(text)
    raise invalid(param, f"Invalid {param}: expected an https URL or a data URI, got {text[:60]!r}.")


def _id_ref(key: str, value: object, given: dict[str, object], param: str) -> MediaRef:
    if not isinstance(value, str):
        raise invalid(f"{param}.{key}", f"Invalid {param}.{key}: expected a string.")
    if key == "file_id":
        return FileId(value)
    if "index" not in given:
        return VideoId(value)
    index = given["index"]
    if isinstance(index, str) and len(index) == 1 and index in "0123456789":  # multipart has only strings
        index = int(index)
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < N_LIMIT:
        raise invalid(f"{param}.index", f"Invalid {param}.index: expected a whole number from 0 to {N_LIMIT - 1}.")
    return VideoId(value, index)
