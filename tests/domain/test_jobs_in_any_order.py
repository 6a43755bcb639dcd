"""Random lives of videos: whatever the engine does in whatever order, clients see time run forwards."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

from hypothesis import given
from hypothesis import strategies as st

from app.domain import jobs
from app.domain.jobs import TERMINAL, Job, Media, State, Transition
from app.domain.public_state import OutputState, derive, public_status
from tests.domain.specs import thorough

MEDIA = Media("key", "video/mp4", 1, 1280, 720, 6.0, 24.0, 144, None)
WORDS = ("queued", "in_progress", "completed", "failed")

# The arrows as the design draws them: which states each one may leave.
LIVING = frozenset(set(State) - TERMINAL)
ARROWS = {
    "begin": {State.QUEUED},
    "accepted": {State.SUBMITTING},
    "resubmit": {State.SUBMITTING},
    "pending": {State.RUNNING},
    "rendered": {State.RUNNING},
    "stored": {State.STORING},
    "move on": {State.SUBMITTING, State.RUNNING},
    "failed": LIVING,
    "later": LIVING,
}
Step: TypeAlias = tuple[int, int, int | None]  # which output, which of its arrows, what progress is reported

steps = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 11), st.none() | st.integers(-10, 150)),
    max_size=60,
)


def new(index: int) -> Job:
    return Job(
        f"out_{index}", "video", index, State.QUEUED, 0, 0, 0, "fal", None, None, 0.0, 0, [], None, None, None, 0.0, {}
    )


def arrow_of(job: Job, choice: int) -> str:
    open_to_it = [arrow for arrow, states in ARROWS.items() if job.state in states]
    return open_to_it[choice % len(open_to_it)]


def move(job: Job, arrow: str, progress: int | None) -> Transition:
    moves = {
        "begin": lambda: jobs.begin_submit(job),
        "accepted": lambda: jobs.accepted(job, {"id": "r"}, 1.0, 1.0),
        "resubmit": lambda: jobs.resubmit(job, 1.0),
        "pending": lambda: jobs.pending(job, progress, 1.0),
        "rendered": lambda: jobs.rendered(job, {}, 1.0),
        "stored": lambda: jobs.stored(job, MEDIA, 1.0, {}),
        "failed": lambda: jobs.failed(job, "timeout", "late", 1.0),
        "move on": lambda: jobs.move_on(job, 1, "xai", 1.0, {}),
        "later": lambda: jobs.later(job, 1.0),
    }
    return moves[arrow]()


def apply(transition: Transition) -> Job:
    """Do to a job what the database does to its row."""
    values = transition.values
    changed = {name: values[name] for name in ("attempts", "progress", "operation", "result") if name in values}
    return replace(transition.job, state=transition.to, **changed)  # type: ignore[arg-type]  # columns, by their names


@thorough
@given(n=st.integers(1, 10), life=steps)
def test_clients_see_progress_rise_and_ends_stay(n: int, life: list[Step]) -> None:
    outputs = [new(index) for index in range(n)]
    video = derive([OutputState(job.state, job.progress) for job in outputs])
    assert (video.status, video.progress, video.error) == ("queued", 0, None)
    for which, choice, progress in life:
        before, job = video, outputs[which % n]
        if job.state in TERMINAL:
            continue
        moved = outputs[which % n] = apply(move(job, arrow_of(job, choice), progress))
        error = "timeout" if moved.state is State.FAILED else None
        video = derive([OutputState(job.state, job.progress, error) for job in outputs], before.progress)

        assert moved.progress >= job.progress
        assert (moved.progress == 100) == (moved.state is State.COMPLETED)
        assert public_status(moved.state) in WORDS
        assert video.status in WORDS
        assert video.progress >= before.progress
        assert (video.progress == 100) == (video.status == "completed")
        assert video.terminal == all(job.state in TERMINAL for job in outputs)
        assert (video.error is not None) == (video.status == "failed")
        assert WORDS.index(video.status) >= WORDS.index(before.status)
        assert not before.terminal


@thorough
@given(life=steps)
def test_only_beginning_to_submit_counts_an_attempt(life: list[Step]) -> None:
    job = new(0)
    for _, choice, progress in life:
        if job.state in TERMINAL:
            break
        arrow = arrow_of(job, choice)
        moved = apply(move(job, arrow, progress))
        assert moved.attempts == job.attempts + (arrow == "begin")
        job = moved


@thorough
@given(
    states=st.lists(st.tuples(st.sampled_from(sorted(TERMINAL)), st.integers(0, 99)), min_size=1, max_size=10),
    before=st.integers(0, 99),
)
def test_a_video_that_ended_is_derived_the_same_for_ever(states: list[tuple[State, int]], before: int) -> None:
    outputs = [OutputState(state, 100 if state is State.COMPLETED else progress) for state, progress in states]
    ended = derive(outputs, before)
    assert ended.terminal
    assert ended.status == ("completed" if any(state is State.COMPLETED for state, _ in states) else "failed")
    assert derive(outputs, ended.progress) == ended
