"""What every adapter is: the order it is given and the answers it may give; `errors` has what it may raise.

An adapter translates; it never sleeps, loops, reads the environment or touches our database and storage.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from app.domain.catalogue import Wire

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from app.domain.catalogue import Mode
    from app.domain.jobs import Operation
    from app.domain.plain import Json

_CLOCKS_DIFFER = 60.0  # seconds between the provider's clock and ours, at most
_LONGEST_SEND = 60.0  # seconds from the written intent to the request's arrival


@dataclass(frozen=True, slots=True)
class Input:
    """An input image or video. `width`, `height` in pixels; `seconds` of a video; all 0 while nothing is known.

    `path` is the file on this machine, where we have it; `url` the caller's own address for it, or the one a provider
    gave it (`PlacesInputs`); `link` our own signed address, where providers can reach us.
    """

    kind: Literal["image", "video"]
    path: Path | None = None
    url: str | None = None
    link: str | None = None
    content_type: str = ""
    width: int = 0
    height: int = 0
    seconds: float = 0.0
    note: str | None = None  # for the client: what may not work about it


@dataclass(frozen=True, slots=True)
class Order:
    """One paid request, fully normalised. `submission_id` is our own id for it.

    `endpoint` is the provider's own name for the model in this mode; `ratio` and `resolution` are the offering's own
    values, or "auto"; `seconds` is None where the mode takes none. `wire` says how the offering spells its fields.
    `seed` differs between the outputs of one video and is the same for the same request. `extra` is passed through.
    `callback_url` is where the provider may tell of the end, where it can reach us.
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
    wire: Wire = field(default_factory=Wire)
    user: str | None = None
    callback_url: str | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """An input where the provider can read it; `warning` is for the client where that is not a sure thing."""

    url: str
    warning: str | None = None


@dataclass(frozen=True, slots=True)
class Pending:
    """Not yet. `progress` in percent where the provider tells; `poll_after` in seconds where it matters.

    `queue_position` counts the jobs before this one, where the provider tells.
    """

    progress: int | None = None
    poll_after: float | None = None
    queue_position: int | None = None


@dataclass(frozen=True, slots=True)
class Succeeded:
    """Done: the result is a file on this machine (`path`) or at an address without a key (`url`).

    `cost` is micro-dollars, None where the provider does not tell.
    """

    path: Path | None = None
    url: str | None = None
    cost: int | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """Ended without a result; `code` is one of `domain.jobs.FAILURES`, `cost` what was charged all the same.

    `elsewhere` says that the provider neither blames the input nor charged: another provider may be tried.
    """

    code: str
    message: str
    cost: int | None = None
    elsewhere: bool = False


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

    async def close(self) -> None:
        """Let go of connections and processes."""
        ...


@runtime_checkable
class PlacesInputs(Protocol):
    """A provider that reads inputs from addresses rather than from this machine."""

    async def place_input(self, item: Input) -> Placed:
        """Return an address the provider can read, uploading the file where that is its way. Raises ProviderError."""
        ...


@runtime_checkable
class ReadsFiles(Protocol):
    """A provider that works in the output's folder on this machine, and reads its inputs there until it has ended."""

    def lacks_files(self, operation: Operation) -> bool:
        """Say whether the folder, or an input in it, is gone that is still needed: the database was restored alone."""
        ...


@runtime_checkable
class Adopts(Protocol):
    """A provider whose jobs can be followed by their upstream id alone."""

    def adopt(self, upstream_id: str, endpoint: str) -> Operation:
        """Return the handle of a job that we know only by its upstream id."""
        ...


@runtime_checkable
class TakesCallbacks(Adopts, Protocol):
    """A provider that can tell us of the end of a job: asked then, it finds `is_told` of the handle it is given."""

    async def verify_callback(self, headers: Mapping[str, str], body: bytes) -> str:
        """Return the upstream id a genuine callback is about. Raises Rejected for any other."""
        ...


@runtime_checkable
class Checks(Protocol):
    """A provider that can be checked without spending."""

    async def check(self) -> str:
        """Say in one line how it stands (balance, …). Raises ProviderError with what is wrong."""
        ...


@runtime_checkable
class TellsBalance(Protocol):
    """A provider that tells what is left of the operator's account."""

    async def balance(self) -> float | None:
        """Return it in dollars, None where the answer does not say. Raises ProviderError."""
        ...


@runtime_checkable
class Cancels(Protocol):
    """A provider that can stop an operation, or forget a finished one."""

    async def cancel(self, operation: Operation) -> bool:
        """End it, and say whether that surely costs nothing; already ended is fine. Raises ProviderError."""
        ...


@runtime_checkable
class Builds(Protocol):
    """A provider whose requests are worked out before anything is written down or sent."""

    def build(self, order: Order) -> Json:
        """Return what `submit` sends; whatever this raises, nothing has left. Raises ProviderError."""
        ...


@dataclass(frozen=True, slots=True)
class Sent:
    """A submission whose answer was lost: our id for it, where it went, when (unix seconds), and what it said.

    `order` is without its inputs: an uploaded file has another address each time. `taken` are the upstream ids that
    other submissions own, as far as is known.
    """

    submission_id: str
    endpoint: str
    sent_at: float
    order: Order
    taken: frozenset[str] = frozenset()

    @property
    def earliest(self) -> float:
        """The first moment by the provider's clock at which it can have arrived, in unix seconds."""
        return self.sent_at - _CLOCKS_DIFFER

    @property
    def latest(self) -> float:
        """The last such moment, save for a process that was stopped in the middle of sending."""
        return self.sent_at + _LONGEST_SEND + _CLOCKS_DIFFER


@runtime_checkable
class Finds(Protocol):
    """A provider that can be asked what became of a submission whose answer was lost.

    `lists_all` says that what it does not list was surely not accepted; a listing that lags never says so.
    `by_likeness` says that its listing does not show our own id: what it finds says the same as what was sent, and may
    belong to another submission that says the same, too.
    """

    lists_all: bool
    by_likeness: bool

    async def find_submission(self, sent: Sent) -> Operation | None:
        """Return the handle if it is listed, else None. Raises ProviderError."""
        ...
