"""docs/images/states.svg: the states of an output and the arrows between them, as `app/domain/jobs.py` has them."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING

from app.domain import jobs, public_state
from app.domain.jobs import LIVE, State, Transition
from tests.docs import svg

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_WIDE, _HIGH = 108, 44
_ROW, _BELOW = 110, 290
_LEFT = {
    State.QUEUED: 20,
    State.SUBMITTING: 216,
    State.RUNNING: 400,
    State.STORING: 584,
    State.COMPLETED: 768,
    State.FAILED: 400,
}
_MOVE = re.compile(r"Move ([a-z]+(?: or [a-z]+)*) → ([a-z]+)\b")


def arrows() -> dict[tuple[State, State], list[str]]:
    """Read the arrows from what the functions of the state machine say of themselves: their names, by from and to."""
    found: dict[tuple[State, State], list[str]] = {}
    for name, function in transitions():
        sources, target = _said(function)
        for source in sources:
            found.setdefault((source, target), []).append(name.replace("_", " "))
    return found


def transitions() -> Iterator[tuple[str, Callable[..., Transition]]]:
    """Yield every function that makes a transition, but for `later`, which leaves an output in its state."""
    for name, function in inspect.getmembers(jobs, inspect.isfunction):
        if inspect.signature(function).return_annotation == "Transition" and name != "later":
            yield name, function


def _said(function: Callable[..., Transition]) -> tuple[list[State], State]:
    words = inspect.getdoc(function) or ""
    if words.startswith("Any live state → failed"):
        return sorted(LIVE), State.FAILED
    move = _MOVE.match(words)
    assert move, f"{function.__name__} does not say from which state to which it moves"
    sources = [State(word) for word in move[1].split(" or ")]
    return [*sources, *([State.FAILED] if "So, too, one failed" in words else [])], State(move[2])


def draw() -> str:
    """Draw it. An arrow for which there is no track is a KeyError: find it a place."""
    parts = [svg.HEAD]
    for (source, target), names in arrows().items():
        track, x, y = _track(source, target)
        parts.append(svg.path(track, arrow=True))
        if source is State.QUEUED or target is not State.FAILED:
            parts += [svg.text(x, y - 15 * line, name, colour=svg.QUIET, size=12) for line, name in enumerate(names)]
    for state, left in _LEFT.items():
        colour = svg.ASKED if state is State.FAILED else svg.USED
        public = public_state.public_status(state)
        parts.append(svg.box(left, _top(state), _WIDE, _HIGH, fill="white", stroke=colour, corner=8))
        parts.append(svg.text(left + _WIDE / 2, _top(state) + 19, state.value))
        parts.append(svg.text(left + _WIDE / 2, _top(state) + 35, f"shown: {public}", colour=svg.QUIET, size=10))
    return svg.picture(896, 360, "The states of an output and the functions that move it", parts)


def _top(state: State) -> int:
    return _BELOW if state is State.FAILED else _ROW


def _track(source: State, target: State) -> tuple[str, float, float]:
    """Return the track of an arrow, and where its name stands."""
    left, right = _LEFT[source], _LEFT[source] + _WIDE
    middle, centre = left + _WIDE / 2, _ROW + _HIGH / 2
    if source is target:
        return (
            f"M{middle - 18},{_ROW} C{middle - 30},{_ROW - 50} {middle + 30},{_ROW - 50} {middle + 18},{_ROW}",
            middle,
            62,
        )
    if source is State.FAILED:
        return f"M{middle + 34},{_BELOW} L{middle + 34},{_ROW + _HIGH + 1}", middle + 76, 222
    if target is State.FAILED:
        into = {
            State.QUEUED: f"L{middle},{_BELOW + 22} L{_LEFT[target] - 1},{_BELOW + 22}",
            State.SUBMITTING: f"L{middle},{_BELOW - 30} L{_LEFT[target] + 20},{_BELOW - 1}",
            State.RUNNING: f"L{middle},{_BELOW - 1}",
            State.STORING: f"L{middle},{_BELOW + 22} L{_LEFT[target] + _WIDE + 1},{_BELOW + 22}",
        }[source]
        return f"M{middle},{_ROW + _HIGH} {into}", middle + 90, _BELOW + 16
    if _LEFT[target] > left:
        return f"M{right},{centre} L{_LEFT[target] - 1},{centre}", (right + _LEFT[target]) / 2, centre - 8
    over = {State.SUBMITTING: (70, 64), State.RUNNING: (24, 18)}[source]
    end = _LEFT[target] + _WIDE / 2
    start = middle if source is State.SUBMITTING else middle - 34
    end += 0 if source is State.SUBMITTING else -20
    return f"M{start},{_ROW} L{start},{over[0]} L{end},{over[0]} L{end},{_ROW - 1}", (start + end) / 2, over[1]
