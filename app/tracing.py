"""Traces: a span for each request, each step of the engine and each call to a provider.

They are off until `use` is given a tracer. OpenTelemetry is an extra of the package, so only `otel` knows it, and is
loaded where traces are wanted.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind: TypeAlias = Literal["server", "internal", "client"]
Facts: TypeAlias = "Mapping[str, str | int]"


class Span(Protocol):
    """Something under way."""

    def rename(self, name: str) -> None:
        """Call it what it turned out to be."""

    def note(self, facts: Facts) -> None:
        """Add what is known by now."""

    def fail(self, why: str) -> None:
        """Mark it as failed; `why` is a code, never a message, for those quote prompts."""


class Tracer(Protocol):
    """Keeps spans and sends them off."""

    def span(self, name: str, kind: Kind, facts: Facts, parent: str | None) -> AbstractContextManager[Span]:
        """Follow what happens in the block; `parent` is a W3C traceparent, None for whatever is under way here."""

    def traceparent(self) -> str | None:
        """Name what is under way here, by W3C's Trace Context."""

    def stop(self) -> None:
        """Send off what is left; takes seconds at most."""


class _Unseen:
    """A span that nobody looks at."""

    def rename(self, name: str) -> None:
        pass

    def note(self, facts: Facts) -> None:
        pass

    def fail(self, why: str) -> None:
        pass


_UNSEEN: AbstractContextManager[Span] = nullcontext(_Unseen())
_tracers: list[Tracer] = []  # the one in use, or none


def use(tracer: Tracer) -> None:
    """Trace from now on."""
    _tracers[:] = [tracer]


def stop() -> None:
    """Trace no more."""
    for tracer in _tracers:
        tracer.stop()
    _tracers.clear()


def span(name: str, kind: Kind, facts: Facts, parent: str | None = None) -> AbstractContextManager[Span]:
    """Follow what happens in the block, if traces are on; `parent` as of `Tracer.span`."""
    return _tracers[0].span(name, kind, facts, parent) if _tracers else _UNSEEN


def traceparent() -> str | None:
    """Return W3C's name for what is under way here; None while traces are off."""
    return _tracers[0].traceparent() if _tracers else None
