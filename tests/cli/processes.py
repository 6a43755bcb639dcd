"""Start `reelgate serve`, or the demo, as a process and read its greeting, or its refusal."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.serving import coverage_environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Served:
    """A gateway process, where it listens and what it said at its start."""

    process: subprocess.Popen[str]
    url: str
    greeting: str


@contextmanager
def started(
    *arguments: str, folder: Path, until: str, **environment: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run Python from `folder` until the block ends; give the process, and what it said up to the line with `until`."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        env={"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1", **coverage_environment(), **environment},
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        said = ""
        for line in process.stdout:
            said += line
            if until in line:
                break
        yield process, said
    finally:
        process.terminate()
        process.wait(timeout=60)
        process.stdout.close()


@contextmanager
def served(folder: Path, *options: str, **environment: str) -> Iterator[Served]:
    """Serve from `folder` until the block ends."""
    settings = {"REELGATE_PORT": "0", **environment}
    with started("-P", "-m", "app", "serve", *options, folder=folder, until='"prompt"', **settings) as (
        process,
        greeting,
    ):
        found = re.search(r"listens on (http://\S+)/v1", greeting)
        assert found, greeting
        yield Served(process, found[1], greeting)


def refused(tmp_path: Path, *command: str, **environment: str) -> str:
    """Run `serve`, or another command, where it must refuse to start, and return what it said."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "app", *(command or ("serve",))],
        env={"PATH": os.environ["PATH"], "REELGATE_PORT": "0", **coverage_environment(), **environment},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr
