"""The endpoints of the fake fal.ai, their inputs and prices, read from `fal_models.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, cast

from pydantic import Field

FieldSpec: TypeAlias = tuple[Any, Any]  # type and default as pydantic takes them; `...` is a required field
_KINDS: dict[str, Any] = {
    "text": str,
    "url": str,
    "flag": bool,
    "whole": int,
    "number": float,
    "urls": list[str],
    "objects": list[dict[str, Any]],
    "any": Any,
}


@dataclass(frozen=True)
class Price:
    """Micro-dollars; `unit` is the published unit_price by which billable units are counted."""

    per_second: dict[str, int]  # by resolution
    unit: int
    per_image: int = 0
    per_input_second: int = 0


@dataclass(frozen=True)
class Endpoint:
    """One endpoint; `resolution` and `seconds` are of an output that the input does not name."""

    fields: dict[str, FieldSpec]
    price: Price
    makes: Literal["new", "edit", "extend"] = "new"
    resolution: str = "720p"
    seconds: int = 5
    # Which inputs are files, by field; their values are a URL or a list of URLs.
    files: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "files", tuple(name for name in self.fields if name.endswith(("_url", "_urls"))))


def _field(row: dict[str, Any]) -> FieldSpec:
    default = ... if row.get("required") else row.get("default")
    if "one_of" in row:
        return cast("Any", Literal)[tuple(row["one_of"])], default
    kind, least, most = row["is"], row.get("least"), row.get("most")
    if kind in {"text", "urls"}:
        return Annotated[_KINDS[kind], Field(min_length=least, max_length=most)], default
    if kind in {"whole", "number"}:
        return Annotated[_KINDS[kind], Field(ge=least, le=most)], default
    return _KINDS[kind], default


def _micro(dollars: float) -> int:
    return round(dollars * 1_000_000)


def _price(row: dict[str, Any]) -> Price:
    per_second = {name: _micro(dollars) for name, dollars in row["second"].items()}
    unit = _micro(row["unit"]) if "unit" in row else min(per_second.values())
    return Price(per_second, unit, _micro(row.get("image", 0)), _micro(row.get("input_second", 0)))


def _read(text: str) -> dict[str, Endpoint]:
    data = tomllib.loads(text)
    shared = {name: _field(row) for name, row in data["shared"].items()}
    prices = {name: _price(row) for name, row in data["prices"].items()}
    return {
        name: Endpoint(
            **{
                **row,
                "fields": {field: shared[kind] for field, kind in row["fields"].items()},
                "price": prices[row["price"]],
            }
        )
        for name, row in data["endpoints"].items()
    }


ENDPOINTS = _read(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


def app_of(endpoint: str) -> str:
    """Return the `{owner}/{app}` by which status, result and cancel are addressed (fal.md §1.2)."""
    parts = endpoint.split("/")
    return "/".join(parts[: 3 if parts[0] in {"workflows", "comfy"} else 2])
