"""How long each offering usually takes: a moving average of what was seen since the start."""

from __future__ import annotations

from app.domain.pacing import USUAL_SECONDS

_NEWEST = 0.3  # weight of the latest job


class Pace:
    """Remembers completion times in seconds by provider and endpoint."""

    def __init__(self) -> None:
        self._usual: dict[tuple[str, str], float] = {}

    def record(self, provider: str, endpoint: str, seconds: float) -> None:
        """Learn from a job that finished."""
        before = self._usual.get((provider, endpoint), seconds)
        self._usual[provider, endpoint] = before + _NEWEST * (seconds - before)

    def usual(self, provider: str, endpoint: str) -> float:
        """Return the usual time, or a guess for an offering that never finished here."""
        return self._usual.get((provider, endpoint), USUAL_SECONDS)
