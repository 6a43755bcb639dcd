"""What this program is called in a shell, for messages that say what to type."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

_NAME = "reelgate"


def program() -> str:
    """Return its name, or the path that it was started by where a shell would not find it by the name."""
    started = sys.argv[0]
    found = shutil.which(_NAME)
    if Path(started).name != _NAME or (found and Path(found).resolve() == Path(started).resolve()):
        return _NAME
    return shlex.quote(started)
