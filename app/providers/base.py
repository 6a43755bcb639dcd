"""What every adapter is: the order it is given, the answers it may give, and the errors it may raise.

An adapter translates; it never sleeps, loops, reads the environment or touches our database and storage.

ProviderError           what an adapter raises, for the engine
├─ Transient            try again later, nothing was accepted
├─ Rejected             final: the user's input
├─ Misconfigured        the operator's fault (key, balance)
└─ Indeterminate        the submit's outcome is unknown: it may have been paid
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from app.domain.catalogue import Mode
    from app.domain.jobs import Operation


@dataclass(frozen=True, slots=True)
class Input:
    """An input image or video: a file on this machine. `width`, `height` in pixels; `seconds` of a video."""

    path: Path
    content_type: str
    width: int
    height: int
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Order:
    """One paid request, fully normalised. `submission_id` is our own id for it.

    `ratio` and `resolution` are the offering's own values, or "auto"; `seconds` is None where the mode takes none.
    `seed` differs between the outputs of one video and is the same for the same request. `extra` is passed through.
    """

    submission_id: str
    output_id: str
    model: str
    mode: Mode
    endpoint: str
    prompt: str
    ratio: str
    resolution: str
    seconds: int | None
    seed: int
    images: tuple[Input, ...]
    video: Input | None
    extra: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Pending:
    """Not yet. `progress` in percent where the provider tells; `poll_after` in seconds where it matters."""

    progress: int | None = None
    poll_after: float | None = None


@dataclass(frozen=True, slots=True)
class Succeeded:
    """Done: the result is a file on this machine. `cost` is micro-dollars, None where the provider does not tell."""

    path: Path
    cost: int | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """Ended without a result; `code` is one of `domain.jobs.FAILURES`."""

    code: str
    message: str


class Provider(Protocol):
    """An upstream system."""

    name: str
    title: str

    async def submit(self, order: Order) -> Operation:
        """Send the order once and return the provider's handle. Raises ProviderError."""
        ...

    async def poll(self, operation: Operation) -> Pending | Succeeded | Failed:
        """Ask how it stands. Raises ProviderError."""
        ...


@runtime_checkable
class Cancels(Protocol):
    """A provider that can stop an operation, or forget a finished one."""

    async def cancel(self, operation: Operation) -> None:
        """End it; already ended is fine. Raises ProviderError."""
        ...


@runtime_checkable
class Finds(Protocol):
    """A provider that can say what became of a submission whose answer was lost."""

    async def find_submission(self, order: Order) -> Operation | None:
        """Return the handle if it was accepted, None if it surely was not. Raises ProviderError."""
        ...


class ProviderError(Exception):
    """The root of what an adapter raises."""


class Transient(ProviderError):
    """Nothing was accepted; try again after `retry_after` seconds."""

    def __init__(self, message: str, retry_after: float = 5.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Rejected(ProviderError):
    """The provider refused the request for good; `code` is one of `domain.jobs.FAILURES`."""

    def __init__(self, message: str, code: str = "invalid_input") -> None:
        super().__init__(message)
        self.code = code


class Misconfigured(ProviderError):
    """The operator must act: a wrong key, no balance."""


class Indeterminate(ProviderError):
    """No one knows whether the submit was accepted."""
