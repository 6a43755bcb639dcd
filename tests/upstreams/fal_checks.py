"""What the fake fal.ai refuses, in fal's words: `detail` lists of fal.md §2.1 and §2.2."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from starlette.responses import JSONResponse, Response

from tests.upstreams.fal_models import ENDPOINTS

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_DOCS = "https://docs.fal.ai/errors/#"
_FAL_NAMES = {"too_short": "sequence_too_short", "too_long": "sequence_too_long"}  # fal.md §2.2; pydantic's otherwise
NO_USER = "No user found for Key ID and Secret"
BAD_FORMAT = "Invalid Key Authorization header format. Expected '<key_id>:<key_secret>'."
EXHAUSTED = "User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing."
DOWNLOAD_FAILED = "Failed to download the file. Please check if the URL is accessible and try again."
FLAGGED = "The content could not be processed because it contained material flagged by a content checker."


def refusal(status: int, detail: Any, **headers: str) -> Response:
    """Answer `{"detail": …}`."""
    return JSONResponse({"detail": detail}, status, {"x-fal-billable-units": "0", **headers})


def mistake(kind: str, message: str, *place: str | int, **more: Any) -> dict[str, Any]:
    """Make one entry of a `detail` list about the body."""
    return {"loc": ["body", *place], "msg": message, "type": kind, "url": _DOCS + kind, **more}


def who_is_not(authorization: str | None, keys: frozenset[str]) -> Response | None:
    """Return the 401 for a wrong Authorization header (fal.md §2.4)."""
    scheme, _, key = (authorization or "").partition(" ")
    if scheme == "Key" and ":" not in key:
        return refusal(401, BAD_FORMAT)
    return None if scheme == "Key" and key in keys else refusal(401, NO_USER)


@lru_cache
def _schema(endpoint: str, *, strict: bool) -> type[BaseModel]:
    settings = ConfigDict(strict=True, extra="forbid" if strict else "ignore")
    fields: dict[str, Any] = dict(ENDPOINTS[endpoint].fields)
    return create_model("Input", __config__=settings, **fields)


def read_input(endpoint: str, body: bytes, *, strict: bool) -> tuple[Any, dict[str, Any], list[dict[str, Any]]]:
    """Return the JSON as given, the input with its defaults, and what is wrong; `strict` refuses unknown fields."""
    try:
        given = json.loads(body)
    except ValueError:
        return None, {}, [mistake("json_invalid", "JSON decode error", 0)]
    try:
        return given, _schema(endpoint, strict=strict).model_validate(given).model_dump(), []
    except ValidationError as error:
        return given, {}, [_in_fal_words(wrong) for wrong in error.errors()]


def _in_fal_words(wrong: ErrorDetails) -> dict[str, Any]:
    more = {"ctx": wrong["ctx"]} if "ctx" in wrong else {}
    kind = _FAL_NAMES.get(wrong["type"], wrong["type"])
    return mistake(kind, wrong["msg"], *wrong["loc"], input=wrong["input"], **more)
