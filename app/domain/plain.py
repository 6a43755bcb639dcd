"""Plain data: what JSON can say, and so what is stored, sent between processes and passed through."""

from __future__ import annotations

from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
