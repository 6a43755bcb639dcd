"""docs/runbook.md has every alert, and what it and the other pages tell an operator to type or to look for exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer.main

from app.cli import cli
from tests.docs.test_metrics import RULES

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "runbook.md").read_text()
ALERTS, SITUATIONS = (PAGE.partition(f"\n## {name}\n")[2].partition("\n## ")[0] for name in ("Alerts", "Situations"))
PAGES = [*sorted(ROOT.glob("[A-Z]*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
COMMAND = re.compile(r"(?:^|[$(;&|] ?|bin/)(reelgate [a-z][^\n)|]*)", re.MULTILINE)


def commands() -> Iterator[tuple[str, list[str]]]:
    """Yield every `reelgate …` that stands in code, by page."""
    for page in PAGES:
        text = page.read_text()
        prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        code = re.findall(r"`(?:\.venv/bin/)?(reelgate [^`]+)`", prose)
        for block in re.findall(r"^```(?:console|bash)[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            code += COMMAND.findall(block.replace("\\\n", " "))
        for line in code:
            yield page.name, shlex.split(line.replace("'", "").partition("#")[0])[1:]


def test_every_alert_has_a_heading_in_the_order_of_the_rules() -> None:
    assert re.findall(r"^### (\w+)$", ALERTS, re.MULTILINE) == [rule["alert"] for rule in RULES]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_an_alert_says_what_it_means_where_to_look_and_what_to_do(rule: dict[str, str]) -> None:
    section = ALERTS.partition(f"### {rule['alert']}\n")[2].partition("\n### ")[0]
    assert re.findall(r"^- \*\*(\w+)\*\* \S", section, re.MULTILINE) == ["Means", "Look", "Do"]


def test_every_line_of_the_log_that_the_page_names_is_written() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "app").rglob("*.py"))
    named = {
        event
        for said in re.findall(r"\b[Ll]og(?: has a line)?:? (`[^.;)|]*`)", PAGE)
        for event in re.findall(r"`([a-z][^`]* [^`]*)`", said)
    }
    assert len(named) >= 8
    assert [event for event in sorted(named) if f'"{event}"' not in sources] == []


def test_every_command_that_the_pages_name_exists_with_its_options() -> None:
    root = typer.main.get_command(cli)
    seen = 0
    for page, words in commands():
        command, rest = root, words
        while rest and rest[0] in getattr(command, "commands", {}):
            command, rest = command.commands[rest[0]], rest[1:]  # type: ignore[attr-defined]  # a group has them
        asks_for_a_command = hasattr(command, "commands") and rest and rest[0].islower() and rest[0][0] != "-"
        assert not asks_for_a_command, f"{page}: reelgate {' '.join(words)}"
        known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)} | {"--help"}
        assert {word.partition("=")[0] for word in rest if word.startswith("-")} <= known, f"{page}: {words}"
        seen += 1
    assert seen > 40
