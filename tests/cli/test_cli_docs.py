"""docs/cli.md: every command and option is in it, and its examples print what they say."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.commands import commands
from tests.cli.processes import served

if TYPE_CHECKING:
    from tests.cli.conftest import Run

PAGE = (Path(__file__).parent.parent.parent / "docs/cli.md").read_text()
EVERYWHERE = {"--base-url", "--json"}
ID = re.compile(r"\b(?:video|key)_[0-9a-f]+|\brg_\w+")


def section(command: str) -> str:
    """Return what the page says about a command."""
    return PAGE.partition(f"\n### `reelgate {command}`\n")[2].partition("\n### ")[0].partition("\n## ")[0]


@pytest.mark.parametrize("command", sorted(commands()))
def test_every_command_is_documented_with_an_example_and_every_option(command: str) -> None:
    said = section(command) + (section("keys create") if command == "keys update" else "")
    assert f"$ reelgate {command}" in said
    named = set(re.findall(r"`(--?[a-z-]+)", said))
    assert sorted(commands()[command] - EVERYWHERE - named) == []


def test_nothing_is_documented_that_is_not_there() -> None:
    assert set(re.findall(r"^### `reelgate (.+)`$", PAGE, re.MULTILINE)) == set(commands())
    every = {option for options in commands().values() for option in options}
    known = every | {"--help", "--version", "--install-completion", "--show-completion"}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", PAGE)) <= known


def test_the_examples_print_what_they_say(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {"video": "", "key": "", "rg": ""}
    with served(tmp_path):
        for block in re.findall(r"^```console\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
            for example in block.removeprefix("$ ").split("\n$ "):
                line, _, expected = example.partition("\n")
                line = re.sub(r"\b(video|key|rg)_…", lambda found: seen[found[1]], line)
                if line.startswith("export "):
                    monkeypatch.setenv(*line.removeprefix("export ").split("=", 1))
                    continue
                printed = run(*shlex.split(line)[1:]).output
                assert matches(expected, printed), f"$ {line}\n{printed}"
                seen.update({name.partition("_")[0]: name for name in reversed(ID.findall(printed))})


def matches(expected: str, printed: str) -> bool:
    """Say whether the lines begin as the page has them, where … may be anything and spaces any number."""
    lines = [" ".join(line.split()) for line in printed.splitlines()]
    patterns = [re.escape(" ".join(line.split())).replace("…", ".*") for line in expected.splitlines()]
    return len(patterns) <= len(lines) and all(re.fullmatch(*each) for each in zip(patterns, lines, strict=False))
