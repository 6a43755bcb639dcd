"""A folder that keeps media: what is stored in it reaches the disk, and what is deleted leaves nothing behind."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def make_durable(path: Path, root: Path) -> None:
    """Put the file and the folders that name it on the disk: the database will soon say that it exists."""
    for place in (path, *path.parents):
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if place == root:
            return


def remove_tree(folder: Path, keep: Callable[[str], bool] | None = None) -> None:
    """Remove a folder with everything in it, but for the folders in it whose names `keep` accepts; none is fine."""
    if keep is not None:
        for place in folder.iterdir() if folder.is_dir() else ():
            if not keep(place.name):
                remove_tree(place)
        return
    while folder.is_dir():
        with suppress(FileNotFoundError):  # somebody else deletes the same files
            shutil.rmtree(folder)


def prune(folder: Path, root: Path) -> None:
    """Remove what is empty from a folder up, but the rooms right below the root: a listing relies on them.

    A folder with a file is not removed; whoever is about to store one may find its folder gone, and tries again.
    """
    for place in (folder, *folder.parents):
        if root in (place, place.parent):
            return
        try:
            place.rmdir()
        except FileNotFoundError:
            continue
        except OSError:  # it is not empty
            return


def last_changes(folder: Path) -> dict[str, datetime]:
    """Say when each folder in `folder` last changed, or anything below it: a hard link has the age of its source."""
    return {
        place.name: datetime.fromtimestamp(max(map(_changed, _all(place))), UTC)
        for place in (folder.iterdir() if folder.is_dir() else ())
        if place.is_dir()
    }


def _all(folder: Path) -> Iterator[str]:
    for place, _, names in os.walk(folder):
        yield place
        yield from (os.path.join(place, name) for name in names)  # noqa: PTH118 - a walk speaks in strings
    yield str(folder)  # a walk does not mention what is gone


def _changed(path: str) -> float:
    try:
        return os.stat(path).st_mtime  # noqa: PTH116 - as above
    except FileNotFoundError:  # somebody else deletes it
        return 0.0
