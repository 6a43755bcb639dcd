"""The pictures of the guide: `make pictures` draws them anew, and photographs the dashboard where there is Chromium.

A test says where a drawn one is out of date.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from app.telemetry import configure_logs
from tests.docs import dashboard_pictures, sizing_pictures, states_picture

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
    configure_logs("text", "warning")
    for name, draw in DRAWN.items():
        (IMAGES / name).write_text(draw(), encoding="utf-8")
        sys.stdout.write(f"docs/images/{name}\n")
    with tempfile.TemporaryDirectory() as folder:
        try:
            for name, photograph in dashboard_pictures.draw(Path(folder)):
                (IMAGES / name).write_bytes(photograph)
                sys.stdout.write(f"docs/images/{name}\n")
        except LookupError as error:
            sys.stdout.write(f"the dashboard's stay as they are: {error}\n")


if __name__ == "__main__":
    main()
