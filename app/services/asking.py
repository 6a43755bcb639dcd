"""Asking a provider: how long each call took and how it ended, whoever made it."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, TypeAlias

from app import tracing
from app.media.errors import MediaError
from app.metrics import UPSTREAM_SECONDS
from app.providers.errors import Indeterminate, Misconfigured, ProviderError, Transient

if TYPE_CHECKING:
    from collections.abc import Iterator

Call: TypeAlias = Literal["place", "submit", "poll", "cancel", "lookup", "download"]


@contextmanager
def asking(provider: str, call: Call) -> Iterator[None]:
    """Time the one call in the block; a call that is cut off because the gateway stops says nothing and is left out."""
    began = time.perf_counter()
    outcome = "ok"
    with tracing.span(f"{call} {provider}", "client", {"reelgate.provider": provider}) as span:
        try:
            yield
        except Exception as error:
            outcome = _outcome(error)
            span.fail(outcome)
            raise
        except BaseException:
            outcome = ""
            raise
        finally:
            if outcome:
                UPSTREAM_SECONDS.labels(provider, call, outcome).observe(time.perf_counter() - began)


def _outcome(error: Exception) -> str:
    """Name what an error says of the provider: its faults are unavailable and unknown."""
    match error:
        case Transient(busy=True) | Indeterminate(busy=True):
            return "busy"
        case Transient() | MediaError(passing=True):
            return "unavailable"
        case Indeterminate():
            return "unknown"
        case Misconfigured():
            return "misconfigured"
        case ProviderError() | MediaError():
            return "refused"
        case _:
            return "fault"
