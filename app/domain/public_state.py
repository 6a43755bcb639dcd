"""What clients see: a video's state, which follows from its outputs', and an output's in the four words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.domain.jobs import LIVE, TERMINAL, State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from app.domain.plain import Json


@dataclass(frozen=True, slots=True)
class OutputState:
    """What `derive` needs to know of an output."""

    state: State
    progress: int
    error_code: str | None = None
    error_message: str | None = None


@dataclass(frozen=True, slots=True)
class VideoState:
    """The video's own state, derived. `error` is (code, message) of the first output."""

    status: str
    progress: int
    error: tuple[str, str] | None = None

    @property
    def terminal(self) -> bool:
        """Say whether nothing will change any more."""
        return self.status in TERMINAL


def derive(outputs: Sequence[OutputState], progress: int = 0, status: str = "queued") -> VideoState:
    """Derive the video's state from its outputs; `progress` and `status` were shown before, and never go back.

    Completed as soon as every output is terminal and at least one succeeded, and so it stays; failed when none did.
    """
    if status == "completed":
        return VideoState("completed", 100)
    states = [output.state for output in outputs]
    if all(state in TERMINAL for state in states):
        if State.COMPLETED in states:
            return VideoState("completed", 100)
        first = outputs[0]
        return VideoState("failed", progress, (first.error_code or "provider_error", first.error_message or ""))
    shown = [100 if output.state in TERMINAL else output.progress for output in outputs]
    progress = max(progress, min(99, sum(shown) // len(shown)))
    waiting = status == "queued" and all(state in (State.QUEUED, State.SUBMITTING) for state in states)
    return VideoState("queued" if waiting else "in_progress", progress)


def public_status(state: State, history: Sequence[Mapping[str, Json]] = ()) -> str:
    """Name an output's state in the four words that leave the gateway.

    One that was taken once is in progress, also while it waits for the next provider: a client never sees it go back.
    """
    begun = any(each["outcome"] == "failed" for each in history)
    if state in (State.QUEUED, State.SUBMITTING) and not begun:
        return "queued"
    return "in_progress" if state in LIVE else state.value


def seconds_text(duration: float) -> str:
    """Write a duration for the public `seconds` field: tenths of a second at most, "12" rather than "12.0"."""
    return f"{duration:.1f}".removesuffix(".0")
