"""Finished outputs become files; a file that is there is whole."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from app.cli.again import AwayError, present
from app.cli.connection import check
from app.cli.terminal import UNREACHABLE, err, fail, out, plain, speaks_json
from app.program import program

if TYPE_CHECKING:
    import httpx

_SLUG = re.compile(r"[^a-z0-9]+")
_UMASK = os.umask(0)  # the user's own; a gateway that this process runs has a stricter one
os.umask(_UMASK)
_SUFFIXES = {"video": ".mp4", "thumbnail": ".webp", "spritesheet": ".jpg"}


def target_for(output: Path | None, name: str, variant: str = "video") -> Path:
    """Choose where to write: the file that was named, or one after `name` that takes no other's place.

    Ends the command where nothing can be written, so that nothing is paid for that.
    """
    path = output if output and not output.is_dir() else _free(output or Path(), name, _SUFFIXES[variant])
    try:
        _part(path).touch()
        _part(path).unlink()
    except OSError as error:
        fail(f"cannot write {path}: {error.strerror}", code="cannot_write")
    return path


def _free(folder: Path, name: str, suffix: str) -> Path:
    stem = _SLUG.sub("-", name.lower()).strip("-")[:40].strip("-") or "video"
    number = 1
    while _taken(path := folder / f"{stem}{f'-{number}' if number > 1 else ''}{suffix}"):
        number += 1
    return path


def _part(path: Path) -> Path:
    """Name the file that is written until it is whole."""
    return path.with_name(f"{path.name}.part")


def _taken(path: Path) -> bool:
    return path.exists() or any(path.parent.glob(f"{path.stem}-[0-9]{path.suffix}"))


def save(
    http: httpx.Client, video: dict[str, Any], target: Path, *, index: int | None = None, variant: str = "video"
) -> list[dict[str, Any]]:
    """Write every finished output, or the one of `index`, and return which went where."""
    several = len(video["outputs"]) > 1 and index is None
    saved = []
    for entry in video["outputs"]:
        if index is not None and entry["index"] != index:
            continue
        if entry["error"]:
            what = f"output {entry['index']} failed: {entry['error']['message']} ({entry['error']['code']})"
            if entry["error"]["code"] == "submission_unknown":
                what += f"; an operator sees it in `{program()} submissions list`"
            err.print(f"[red]{escape(plain(what))}[/red]")
            continue
        path = target.with_stem(f"{target.stem}-{entry['index']}") if several else target
        there = f"the gateway has it: `{program()} videos download {video['id']}`"
        try:
            size = _write(http, video["id"], {"index": entry["index"], "variant": variant}, path)
        except OSError as error:
            fail(f"cannot write {path}: {error.strerror}; {there}", code="cannot_write", video_id=video["id"])
        except AwayError as error:
            lost = f"{path} was not sent ({error}); {there}"
            fail(lost, code="gateway_unreachable", status=UNREACHABLE, video_id=video["id"])
        saved.append({"index": entry["index"], "path": str(path), "size_bytes": size})
        if not speaks_json():
            facts = f"{entry['width']}x{entry['height']}, {entry['duration']:.2f} s, " if variant == "video" else ""
            out.print(f"[green]saved[/green] {escape(str(path))} ({facts}{size / 1e6:.1f} MB)")
    return saved


def _write(http: httpx.Client, video_id: str, query: dict[str, Any], path: Path) -> int:
    """Write the content of an output and return its size in bytes; what is there stays until all has come.

    Raises OSError, and AwayError.
    """
    import httpx

    part, url = _part(path), f"/v1/videos/{video_id}/content"
    try:
        with http.stream("GET", url, params=query, follow_redirects=True) as answer:  # it may lie in a bucket
            if not answer.is_success:
                answer.read()
            check(present(answer), video_id)
            with part.open("wb") as file:
                for chunk in answer.iter_bytes():
                    file.write(chunk)
        size = part.stat().st_size
        part.chmod(0o666 & ~_UMASK)
        part.replace(path)
    except httpx.TransportError as error:
        raise AwayError(str(error) or type(error).__name__) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return size
