"""Tables that fit the terminal; where the output goes elsewhere, nothing is left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from app.cli.terminal import out, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

_GAP = "  "
_LEAST = 16  # cells that the last column keeps before another column goes


@dataclass(frozen=True, slots=True)
class Column:
    """A column; one that `may_go` is left out of a terminal that is too narrow, the rightmost first."""

    name: str
    right: bool = False
    may_go: bool = False


def print_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under their headings; in a terminal, the last column ends where the line does."""
    cells = [[column.name for column in columns], *([plain(cell) for cell in row] for row in rows)]
    widths = [max(cell_len(row[place]) for row in cells) for place in range(len(columns))]
    room = out.width if out.is_terminal else None
    kept = _fitting(columns, widths, room)
    last = kept[-1]
    if room is not None:
        before = sum(widths[place] + len(_GAP) for place in kept[:-1])
        widths[last] = min(widths[last], max(room - before, _LEAST))
    for number, row in enumerate(cells):
        line = _GAP.join(_cell(row[place], widths[place], right=columns[place].right) for place in kept)
        out.print(Text(line.rstrip(), style="" if number else "bold"))


def _fitting(columns: Sequence[Column], widths: list[int], room: int | None) -> list[int]:
    """Choose the columns for which there is room."""
    kept = list(range(len(columns)))
    last = kept[-1]
    for place in reversed(kept[:-1]):
        taken = sum(widths[each] + len(_GAP) for each in kept if each != last) + min(widths[last], _LEAST)
        if room is None or taken <= room:
            break
        if columns[place].may_go:
            kept.remove(place)
    return kept


def _cell(text: str, width: int, *, right: bool) -> str:
    if cell_len(text) > width:
        return set_cell_size(text, width - 1) + "…"
    padding = " " * (width - cell_len(text))
    return padding + text if right else text + padding
