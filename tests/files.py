"""What lies in a folder that a running gateway works in."""

from __future__ import annotations

import os
from pathlib import Path


def files_in(folder: Path) -> list[Path]:
    """Return every file below a folder, also while folders in it vanish, which `Path.rglob` does not bear."""
    return [Path(place, name) for place, _, names in os.walk(folder) for name in names]
