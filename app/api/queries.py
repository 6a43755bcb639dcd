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


class ListQuery(BaseModel):
    """What a listing may ask for; times are unix seconds."""

    after: Annotated[str | None, Field(max_length=256)] = None
    limit: Annotated[int, Field(ge=0, le=100), DIGITS] = 20
    order: Literal["asc", "desc"] = "desc"
    status: Literal["queued", "in_progress", "completed", "failed"] | None = None
    model: Annotated[str | None, Field(max_length=256)] = None
    created_after: Annotated[int, Field(ge=0, le=1 << 40), DIGITS] | None = None
    created_before: Annotated[int, Field(ge=0, le=1 << 40), DIGITS] | None = None


class SubmissionsQuery(BaseModel):
    """What a listing of submissions may ask for."""

    status: Literal["unknown", "all"] = "unknown"
    after: Annotated[str | None, Field(max_length=256)] = None
    limit: Annotated[int, Field(ge=0, le=100), DIGITS] = 20
