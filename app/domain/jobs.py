"""The state machine of an output; `public_state` has what clients see of it.

    queued ──► submitting ──► running ──► storing ──► completed
      ▲            │             │           │
      └── later ───┘             ▼           ▼
                       any live state ──► failed

queued       waits for the submit lane; `begin_submit` commits the intent to pay before any byte leaves
submitting   the provider is being asked; a row found here with no one working on it is an unknown submission
running      the provider works; the poll lane asks again at `run_at`
storing      the result exists upstream; the store lane copies it into our own storage
completed, failed   terminal; they never change, except that an output which was given up because its submission was
             unknown runs on when it turns out to have been accepted

One pure function per arrow returns a `Transition`; `db.outputs.apply` carries it out only if the row is still in that
state under that fence. When it is not, someone else owns the row and the caller must do nothing more.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

from app.domain import told

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.domain.plain import Json

Operation: TypeAlias = "dict[str, Json]"  # the provider's own handle, stored verbatim


class State(StrEnum):
    """Where an output is."""

    QUEUED = "queued"
    SUBMITTING = "submitting"
    RUNNING = "running"
    STORING = "storing"
    COMPLETED = "completed"
    FAILED = "failed"


_LONGEST_LIFE = 24 * 3600.0  # seconds after which a provider's silence excuses no job any more

LIVE = frozenset({State.QUEUED, State.SUBMITTING, State.RUNNING, State.STORING})
TERMINAL = frozenset({State.COMPLETED, State.FAILED})

UNKNOWN = "submission_unknown"  # given up without knowing whether it was accepted
GIVEN_UP = frozenset({"cancelled", "timeout", UNKNOWN})  # by us: the provider may still be at work, and charge

# The job-level error codes of the public API.
FAILURES = (
    "moderation_blocked",
    "invalid_input",
    "provider_error",
    "all_providers_failed",
    "provider_balance_exhausted",
    "timeout",
    UNKNOWN,
    "cancelled",
    "media_unavailable",
)


@dataclass(frozen=True, slots=True)
class Origin:
    """The request that asked for a video: its x-request-id, and where it stands in a trace (W3C's traceparent)."""

    request_id: str | None = None
    traceparent: str | None = None


UNKNOWN_ORIGIN = Origin()


@dataclass(frozen=True, slots=True)
class Job:
    """An output as the engine claimed it. Times are unix seconds; `order` is what the video asked for.

    `offer` counts which of the order's offers is being tried; `history` tells what became of those before; `cost` is
    what was charged so far, in micro-dollars; `error` is the code of a failed one; `created_at` is the video's; it was
    due at `run_at`; `owner` is whose it is.
    """

    id: str
    video_id: str
    index: int
    state: State
    fence: int
    attempts: int
    progress: int
    provider: str
    operation: Operation | None
    result: dict[str, Json] | None
    deadline: float
    offer: int
    history: list[dict[str, Json]]
    started_at: float | None
    cost: int | None
    error: str | None
    created_at: float
    order: dict[str, Json]
    run_at: float | None = None
    owner: str = ""
    origin: Origin = UNKNOWN_ORIGIN

    @property
    def facts(self) -> dict[str, str]:
        """Say in the log which one it is."""
        return {"video": self.video_id, "output": self.id, "provider": self.provider}


@dataclass(frozen=True, slots=True)
class Media:
    """A stored result: where it is, what the file itself says, and its cost in micro-dollars where known."""

    key: str
    content_type: str
    size_bytes: int
    width: int
    height: int
    duration: float
    fps: float
    num_frames: int
    cost: int | None


@dataclass(frozen=True, slots=True)
class Transition:
    """One step of one output: applied `WHERE id AND state AND fence`, with the columns to set."""

    job: Job
    values: Mapping[str, object]
    to: State


@dataclass(frozen=True, slots=True)
class Released:
    """Column values that hand a row back: due again at `run_at`, or never (None)."""

    run_at: float | None
    extra: Mapping[str, object] = field(default_factory=dict)

    def values(self) -> dict[str, object]:
        """Return the columns to set."""
        return {"run_at": self.run_at, "lease_owner": None, "lease_until": None, **self.extra}


def begin_submit(job: Job) -> Transition:
    """Move queued → submitting: the intent, committed together with the submission row; the lease is kept."""
    return Transition(job, {"attempts": job.attempts + 1}, State.SUBMITTING)


def accepted(job: Job, operation: Operation, now: float, run_at: float) -> Transition:
    """Move submitting → running: the provider took the job and gave us its handle. So, too, one failed as UNKNOWN.

    The fence rises, so that a cleanup of the failed one that is under way finds itself overtaken.
    """
    alive = {"error_code": None, "error_message": None, "completed_at": None, "cleanup": False, "fence": job.fence + 1}
    values = Released(run_at, {"operation": operation, "started_at": now, **alive}).values()
    return Transition(job, values, State.RUNNING)


def move_on(
    job: Job, offer: int, provider: str, run_at: float, entry: dict[str, Json], excused: float = 0.0
) -> Transition:
    """Move submitting or running → queued, with another offer: this one ended without anything being owed for it.

    `excused` seconds of waiting do not count for the deadline.
    """
    fresh = {"offer": offer, "provider": provider, "operation": None, "started_at": None, **_put_off(job, excused)}
    return Transition(job, Released(run_at, {**fresh, "history": [*job.history, entry]}).values(), State.QUEUED)


def resubmit(job: Job, run_at: float) -> Transition:
    """Move submitting → queued: the provider provably did not take the job, or the operator would rather pay twice."""
    return Transition(job, Released(run_at).values(), State.QUEUED)


def pending(job: Job, progress: int | None, run_at: float, asked_at: float | None = None) -> Transition:
    """Move running → running: not yet; look again at `run_at`. `asked_at` is noted, for a job that we are told of."""
    values: dict[str, object] = {"progress": max(job.progress, min(99, progress or 0))}
    if asked_at is not None and job.operation is not None:
        values["operation"] = told.asked(job.operation, asked_at)
    return Transition(job, Released(run_at, values).values(), State.RUNNING)


def rendered(job: Job, result: dict[str, Json], now: float, *, held: bool = False) -> Transition:
    """Move running → storing: the result is there and must be fetched; the lease is kept by whoever does it at once."""
    found = {"result": result, "progress": max(job.progress, 99)}
    values = {"run_at": now, **found} if held else Released(now, found).values()
    return Transition(job, values, State.STORING)


def after(transition: Transition) -> Job:
    """Return the output as an applied transition has left it, under the same fence."""
    names = {each.name for each in fields(Job)}
    changed: dict[str, Any] = {name: value for name, value in transition.values.items() if name in names}
    return replace(transition.job, state=transition.to, **changed)


def charged(job: Job, cost: int | None) -> int | None:
    """Add a charge to what was charged before, in micro-dollars; None while no charge is known."""
    return job.cost if cost is None else (job.cost or 0) + cost


def stored(job: Job, media: Media, now: float, entry: dict[str, Json]) -> Transition:
    """Move storing → completed: the file is ours."""
    facts = {
        "media_key": media.key,
        "content_type": media.content_type,
        "size_bytes": media.size_bytes,
        "width": media.width,
        "height": media.height,
        "duration": media.duration,
        "fps": media.fps,
        "num_frames": media.num_frames,
        "cost": charged(job, media.cost),
        "history": [*job.history, entry],
    }
    values = Released(now, {**facts, "progress": 100, "completed_at": now, "cleanup": True}).values()
    return Transition(job, values, State.COMPLETED)


def failed(
    job: Job, code: str, message: str, now: float, entry: dict[str, Json] | None = None, cost: int | None = None
) -> Transition:
    """Any live state → failed. `code` is one of FAILURES; `cost` was charged all the same (micro-dollars)."""
    error = {
        "error_code": code,
        "error_message": message,
        "completed_at": now,
        "cleanup": True,
        "cost": charged(job, cost),
        "history": [*job.history, entry] if entry else job.history,
    }
    return Transition(job, Released(now, error).values(), State.FAILED)


def later(job: Job, run_at: float, excused: float = 0.0) -> Transition:
    """Snooze: hand the row back in the state it is in; costs no attempt. `excused` seconds do not count for it."""
    return Transition(job, Released(run_at, _put_off(job, excused)).values(), job.state)


def excuse(job: Job, seconds: float) -> float:
    """Return the deadline put off by the time in which the provider was out of order, for a day at most."""
    return max(job.deadline, min(job.deadline + seconds, job.created_at + _LONGEST_LIFE))


def _put_off(job: Job, seconds: float) -> dict[str, object]:
    return {"deadline": excuse(job, seconds)} if seconds else {}
