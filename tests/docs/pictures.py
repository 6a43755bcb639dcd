"""The drawn pictures of the guide: `make pictures` draws them anew, and a test says where one is out of date."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.docs import sizing_pictures, states_picture

if TYPE_CHECKING:
    from collections.abc import Callable

IMAGES = Path(__file__).parent.parent.parent / "docs" / "images"
DRAWN: dict[str, Callable[[], str]] = {
    "states.svg": states_picture.draw,
    "sizes.svg": sizing_pictures.sizes,
    "shapes.svg": sizing_pictures.shapes,
    "lengths.svg": sizing_pictures.lengths,
}


def main() -> None:
    """Draw all."""
    for name, draw in DRAWN.items():
        (IMAGES / name).write_text(draw(), encoding="utf-8")
        sys.stdout.write(f"docs/images/{name}\n")


if __name__ == "__main__":
    main()
