"""Fields that the API does not have but nearly: probably misspelt, though they go to the provider like any other."""

from __future__ import annotations

import difflib
import json
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING

from app.domain.errors import GatewayError
from app.domain.requests import KNOWN
from app.domain.sizing import ParameterWarning

if TYPE_CHECKING:
    from collections.abc import Mapping

# Providers have these themselves: fal, AI/ML API and xAI by their own pages, Kling its `mode`.
_PROVIDERS_OWN = frozenset({"image_urls", "video_urls", "reference_audio_urls", "reference_video_urls", "mode"})
_NEAR = 0.8  # of 1: one letter of five or more is wrong, a plural, another case, a hyphen
_PREFIX = 4  # letters that a field begins with and no other: enough to mean it
_LONGEST = 40  # characters of a name, and
_LOOKED_AT = 32  # fields that are compared: a body may have a million
_SHOWN = 100  # characters of a value
_NESTED: dict[type, str] = {list: "[…]", dict: "{…}"}


def misspelt(extra: Mapping[str, object]) -> tuple[ParameterWarning, ...]:
    """Warn of each field that is passed on and was probably meant for the gateway."""
    found = ((name, value, _meant(name)) for name, value in islice(extra.items(), _LOOKED_AT) if len(name) <= _LONGEST)
    return tuple(_warning(name, value, meant) for name, value, meant in found if meant)


def refuse(warnings: tuple[ParameterWarning, ...]) -> None:
    """Do as `strict` wants it. Raises GatewayError unsupported_value for the first of them."""
    for warning in warnings:
        raise GatewayError("unsupported_value", f"{warning.message} strict is true.", param=warning.param)


@lru_cache(maxsize=1024)
def _meant(name: str) -> str | None:
    """Return the field that was probably meant. A name with a word more (`end_image_url`) is another one."""
    plain = name.lower().replace("-", "_")
    begun = [field for field in KNOWN if len(plain) >= _PREFIX and field.startswith(plain)]
    near = difflib.get_close_matches(plain, sorted(KNOWN), n=1, cutoff=_NEAR) or (begun if len(begun) == 1 else [])
    if not near or name in _PROVIDERS_OWN or name.startswith(f"{near[0]}_") or name.endswith(f"_{near[0]}"):
        return None
    return near[0]


def _warning(name: str, value: object, meant: str) -> ParameterWarning:
    text = value if isinstance(value, str) else _NESTED.get(type(value)) or json.dumps(value)
    message = f"{name} is no field of this gateway and goes to the provider as it is; did you mean {meant}?"
    return ParameterWarning(name, "unknown", text[:_SHOWN], None, message)
