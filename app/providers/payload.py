"""The body of a submit for providers whose fields the catalogue describes: data in, no model known by name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from app.domain.catalogue import Mode
from app.domain.formats import AUTO

if TYPE_CHECKING:
    from app.domain.plain import Json
    from app.providers.base import Order

# Every style a client may have learnt elsewhere: @Image1 (fal), <IMAGE_0> (xAI).
_TAG = re.compile(r"@Image([1-9][0-9]?)\b|<IMAGE_([0-9]{1,2})>", re.IGNORECASE)


def build_payload(order: Order) -> dict[str, Json]:
    """Spell an order the way its offering wants it.

    What the caller passed through comes first, so that it can never replace what was priced.
    """
    wire = order.wire
    payload: dict[str, Json] = {name: _plain(value) for name, value in order.extra.items()}
    payload |= wire.fixed
    payload[wire.prompt] = prompt_text(order)
    _put(payload, wire.ratio, order.ratio, sends_auto=wire.sends_auto)
    _put(payload, wire.resolution, wire.resolution_values.get(order.resolution, order.resolution), wire.sends_auto)
    if wire.seconds and order.seconds is not None:
        forms: dict[str, Json] = {"number": order.seconds, "text": str(order.seconds), "suffixed": f"{order.seconds}s"}
        payload[wire.seconds] = forms[wire.seconds_as]
    if order.mode is Mode.REFERENCE:
        payload[wire.images] = [image.url for image in order.images]
    elif order.images:
        payload[wire.image] = order.images[0].url
    if order.video:
        payload[wire.video] = order.video.url
    return payload


def prompt_text(order: Order) -> str:
    """Return the prompt with its reference tags in the offering's own style, where it has one."""
    tag = order.wire.tag
    if tag is None or order.mode is not Mode.REFERENCE:
        return order.prompt

    def rewrite(match: re.Match[str]) -> str:
        index = int(match[1]) - 1 if match[1] else int(match[2])
        return tag.format(n=index + 1, i=index)

    return _TAG.sub(rewrite, order.prompt)


def _put(payload: dict[str, Json], name: str | None, value: str, sends_auto: bool) -> None:  # noqa: FBT001 - one caller
    if name and (value != AUTO or sends_auto):
        payload[name] = value


def _plain(value: object) -> Json:
    """Pass a value through: the body it came in was JSON already."""
    plain: Json = value  # type: ignore[assignment]  # object is what parsed JSON is called before it is looked at
    return plain
