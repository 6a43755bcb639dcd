"""Circuit breakers: a provider that keeps failing is left alone for a while, then tried with one request.

Only faults of the provider count: no answer, 5xx, lost connections. A bad input, a refused key, an empty balance or
more work than it takes at once says nothing about whether it works for others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

_FAILURES = 5  # in a row, until the breaker opens
_OPEN_SECONDS = 30.0


@dataclass
class _Circuit:
    failures: int = 0
    closed_again_at: float = 0.0
    probe: str | None = None  # who is trying it while it is half open


@dataclass(frozen=True, slots=True)
class Standing:
    """How a breaker stands: after how many faults in a row, and the seconds until an open one lets a probe through."""

    state: Literal["closed", "open", "half_open"]
    failures: int
    wait: float


class Breakers:
    """One breaker per provider, in this process."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._circuits: dict[str, _Circuit] = {}

    def allows(self, provider: str, who: str) -> bool:
        """Say whether `who` may try it. While half open, the first to be told yes is the probe; others wait for it."""
        circuit = self._circuits.get(provider)
        if circuit is None or circuit.failures < _FAILURES:
            return True
        if self._clock() < circuit.closed_again_at:
            return False
        circuit.closed_again_at = self._clock() + _OPEN_SECONDS
        circuit.probe = who
        return True

    def is_open(self, provider: str) -> bool:
        """Say whether it is left alone, or only being tried."""
        circuit = self._circuits.get(provider)
        return circuit is not None and circuit.failures >= _FAILURES

    def wait(self, provider: str) -> float:
        """Return the seconds until an open breaker lets a probe through."""
        circuit = self._circuits.get(provider)
        return 0.0 if circuit is None else max(0.0, circuit.closed_again_at - self._clock())

    def standing(self, provider: str) -> Standing:
        """Tell how its breaker stands: half open once a probe may try it, or does."""
        circuit = self._circuits.get(provider, _Circuit())
        if circuit.failures < _FAILURES:
            return Standing("closed", circuit.failures, 0.0)
        resting = circuit.probe is None and self._clock() < circuit.closed_again_at
        return Standing("open" if resting else "half_open", circuit.failures, self.wait(provider))

    def failed(self, provider: str) -> None:
        """Count a fault of the provider."""
        circuit = self._circuits.setdefault(provider, _Circuit())
        circuit.failures += 1
        circuit.closed_again_at = self._clock() + _OPEN_SECONDS
        circuit.probe = None

    def worked(self, provider: str) -> None:
        """Close the breaker: the provider answered as it should."""
        self._circuits.pop(provider, None)

    def released(self, provider: str, who: str) -> None:
        """Let another probe through at once where `who` was the probe and has learnt nothing about the provider."""
        circuit = self._circuits.get(provider)
        if circuit is not None and circuit.probe == who:
            circuit.closed_again_at = self._clock()
            circuit.probe = None
