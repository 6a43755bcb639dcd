"""What queries may ask for."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field


def _digits(value: object) -> object:
    """Take digits only: by itself pydantic reads "0.0" and " 5" as whole numbers too."""
    if isinstance(value, str) and not re.fullmatch("-?[0-9]{1,20}", value):
        raise ValueError("expected a whole number in digits")
    return value


DIGITS = BeforeValidator(_digits)
_KEY_DOC = "Admin keys only: the id of the key whose videos these are, or `all`."
_Words = Annotated[str, Field(max_length=256)]
KeyId = Annotated[_Words | None, Field(description=_KEY_DOC)]
EVERYBODY = "all"


class ListQuery(BaseModel):
    """What a listing may ask for; times are unix seconds."""

    after: _Words | None = None
    limit: Annotated[int, Field(ge=0, le=100), DIGITS] = 20
    order: Literal["asc", "desc"] = "desc"
    status: Literal["queued", "in_progress", "completed", "failed"] | None = None
    model: Annotated[_Words | None, Field(description="As it was asked for.")] = None
    provider: Annotated[_Words | None, Field(description="Who makes one of the outputs, or made it.")] = None
    prompt: Annotated[_Words | None, Field(description="Words that stand in the prompt so, in whatever case.")] = None
    key_id: KeyId = None
    created_after: Annotated[int, Field(ge=0, le=1 << 40), DIGITS] | None = None
    created_before: Annotated[int, Field(ge=0, le=1 << 40), DIGITS] | None = None


class SubmissionsQuery(BaseModel):
    """What a listing of submissions may ask for."""

    status: Literal["unknown", "all"] = "unknown"
    after: Annotated[str | None, Field(max_length=256)] = None
    limit: Annotated[int, Field(ge=0, le=100), DIGITS] = 20
