"""What a fake upstream was paid for: the oracle for money in tests, never our own database."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Outcome = Literal["pending", "completed", "failed", "cancelled"]
SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key"})


@dataclass(frozen=True)
class Paid:
    """One accepted submission: from here on the upstream may charge for it."""

    request_id: str
    endpoint: str
    body: Any  # the exact JSON that arrived
    headers: dict[str, str]  # without keys
    at: float  # the fake's clock, unix seconds
    charged: int = 0  # micro-dollars, final once the outcome is
    outcome: Outcome = "pending"


@dataclass
class Ledger:
    """Accepted submissions in order of arrival, how often each call arrived, and keys seen where none belongs."""

    arrivals: Counter[str] = field(default_factory=Counter)
    leaks: list[str] = field(default_factory=list)
    _paid: dict[str, Paid] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def accept(self, request_id: str, endpoint: str, body: Any, headers: Mapping[str, str], at: float) -> Paid:
        """Write a submission down."""
        kept = {name: value for name, value in headers.items() if name.lower() not in SECRET_HEADERS}
        paid = Paid(request_id, endpoint, body, kept, at)
        with self._lock:
            self._paid[request_id] = paid
        return paid

    def settle(self, request_id: str, outcome: Outcome, charged: int) -> None:
        """Write the end and the price of a submission down; it has one end only."""
        with self._lock:
            paid = self._paid.get(request_id)
            if paid and paid.outcome == "pending":
                self._paid[request_id] = replace(paid, outcome=outcome, charged=charged)

    def arrived(self, call: str) -> None:
        """Count a call."""
        with self._lock:
            self.arrivals[call] += 1

    def leaked(self, place: str) -> None:
        """Remember that a key came where none belongs."""
        with self._lock:
            self.leaks.append(place)

    def paid(self) -> list[Paid]:
        """Return every accepted submission."""
        with self._lock:
            return list(self._paid.values())

    def bodies(self) -> list[Any]:
        """Return the accepted bodies."""
        return [paid.body for paid in self.paid()]

    def by_prompt(self, text: str) -> list[Paid]:
        """Return the submissions whose prompt contains a text."""
        return [paid for paid in self.paid() if text in str(paid.body.get("prompt", ""))]

    def by_id(self, request_id: str) -> Paid | None:
        """Return one submission."""
        with self._lock:
            return self._paid.get(request_id)

    def charged(self) -> int:
        """Return the sum of all charges in micro-dollars."""
        return sum(paid.charged for paid in self.paid())

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._paid.clear()
            self.arrivals.clear()
            self.leaks.clear()

    def snapshot(self) -> dict[str, Any]:
        """Return everything as JSON."""
        return {
            "paid": [asdict(paid) for paid in self.paid()],
            "charged": self.charged(),
            "arrivals": dict(self.arrivals),
            "leaks": list(self.leaks),
        }
