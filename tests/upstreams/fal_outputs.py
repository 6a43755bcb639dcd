"""What a job of the fake fal.ai makes and costs: frame, length and micro-dollars (fal.md §5)."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.upstreams.fal_inputs import Given
    from tests.upstreams.fal_models import Endpoint, Price

FPS = 24
_EDIT_AREA = 854 * 480  # px; edits are resized to at most that area
_EDIT_SECONDS = 8
_SIDES = {"4k": 2160, "2K": 1440}


@dataclass(frozen=True)
class Output:
    """The film to make."""

    width: int
    height: int
    frames: int
    cost: int  # micro-dollars
    units: float  # as in x-fal-billable-units

    def answer(self, url: str) -> dict[str, Any]:
        """Make the result body; 6 s are 145 frames and 6.041667 s, as recorded."""
        return {
            "video": {
                "url": url,
                "content_type": "video/mp4",
                "file_name": url.rpartition("/")[2],
                "width": self.width,
                "height": self.height,
                "fps": float(FPS),
                "duration": round(self.frames / FPS, 6),
                "num_frames": self.frames,
            }
        }


def plan(endpoint: Endpoint, values: Mapping[str, Any], given: Sequence[Given]) -> Output:
    """Decide frame, length and price."""
    films = [file for file in given if file.seconds and file.width]
    pictures = [file for file in given if file.width and not file.seconds]
    if endpoint.makes == "edit":
        seconds = min(films[0].seconds, _EDIT_SECONDS) if films else _EDIT_SECONDS
        size = _within(films[0], _EDIT_AREA) if films else (848, 480)
        return _output(size, seconds, _cost(endpoint.price, _label(size), seconds, 0, seconds), endpoint.price)
    asked = seconds_of(values.get("duration"))
    if endpoint.makes == "extend":
        before = films[0].seconds if films else 8
        size = (films[0].width, films[0].height) if films else (848, 480)
        cost = _cost(endpoint.price, _label(size), asked, 0, before)
        return _output(size, before + asked, cost, endpoint.price)
    asked = asked or endpoint.seconds
    resolution = str(values.get("resolution", endpoint.resolution))
    ratio = str(values.get("aspect_ratio", "auto"))
    size = _frame(resolution, ratio, pictures[0] if pictures else None)
    return _output(size, asked, _cost(endpoint.price, resolution, asked, len(pictures), 0), endpoint.price)


def _output(size: tuple[int, int], seconds: float, cost: int, price: Price) -> Output:
    return Output(*size, math.floor(seconds * FPS + 0.5) + 1, cost, cost / price.unit)


def _cost(price: Price, resolution: str, seconds: float, images: int, input_seconds: float) -> int:
    per_second = price.per_second.get(resolution) or min(price.per_second.values())
    return round(per_second * seconds + price.per_image * images + price.per_input_second * input_seconds)


def seconds_of(duration: Any) -> int:
    """Return the length asked for, 0 for "auto" and none."""
    digits = re.match(r"\d+", str(duration))
    return int(digits[0]) if digits else 0


def _frame(resolution: str, ratio: str, picture: Given | None) -> tuple[int, int]:
    """Return the frame: the short side is the resolution's, the long one a multiple of 8 (854 becomes 848)."""
    side = _SIDES.get(resolution) or int(re.sub(r"\D", "", resolution))
    if ":" in ratio:
        across, down = (int(part) for part in ratio.split(":"))
    else:
        across, down = (picture.width, picture.height) if picture else (16, 9)
    long = side * max(across, down) // min(across, down) // 8 * 8
    return (long, side) if across >= down else (side, long)


def _within(film: Given, area: int) -> tuple[int, int]:
    scale = min(1.0, math.sqrt(area / (film.width * film.height)))
    return int(film.width * scale) // 2 * 2, int(film.height * scale) // 2 * 2


def _label(size: tuple[int, int]) -> str:
    return "720p" if min(size) >= 700 else "480p"
