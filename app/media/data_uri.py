"""Files that a user writes into the request itself: `data:image/png;base64,…`."""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import unquote_to_bytes

from app.media.errors import MediaError

_BLANK = re.compile(r"\s+")
_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+")


def decode_data_uri(text: str, max_bytes: int) -> tuple[str | None, bytes]:
    """Give the declared MIME type (None when there is none) and the bytes of a data URI.

    Raises MediaError("media_unavailable") when it is malformed, empty or larger than `max_bytes`.
    """
    head, comma, payload = text.partition(",")
    if head[:5].lower() != "data:" or not comma:
        raise _refusal("it must look like data:image/png;base64,iVBORw0…")
    declared, *parameters = [part.strip().lower() for part in head[5:].split(";")]
    if declared and not _TYPE.fullmatch(declared):
        raise _refusal("the part before the comma does not name a type such as image/png")
    data = _decode(payload, max_bytes) if "base64" in parameters else _unquote(payload, max_bytes)
    if not data:
        raise _refusal("it is empty")
    if len(data) > max_bytes:
        raise _too_large(max_bytes)
    return declared or None, data


def _decode(payload: str, max_bytes: int) -> bytes:
    if len(payload) > 2 * max_bytes + 1024:  # twice: people wrap lines and escape characters
        raise _too_large(max_bytes)
    compact = _BLANK.sub("", payload) if _BLANK.search(payload) else payload  # it may be large: no copy
    if "%" in compact:  # the whole URI was escaped on its way; base64 itself has no "%"
        compact = _BLANK.sub("", unquote_to_bytes(compact).decode("latin-1"))
    if len(compact) * 3 // 4 > max_bytes + 2:
        raise _too_large(max_bytes)
    try:
        return base64.b64decode(compact, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _refusal("its base64 is damaged: a character is foreign to base64 or the end is missing") from error


def _unquote(payload: str, max_bytes: int) -> bytes:
    if len(payload) > 3 * max_bytes:  # every byte may be written as %XX
        raise _too_large(max_bytes)
    return unquote_to_bytes(payload)


def _too_large(max_bytes: int) -> MediaError:
    return _refusal(f"it is larger than {max_bytes / (1 << 20):g} MiB")


def _refusal(reason: str) -> MediaError:
    return MediaError("media_unavailable", f"The data URI cannot be used: {reason}.")
