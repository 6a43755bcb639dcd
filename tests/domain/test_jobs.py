"""The state machine: what each arrow writes, and how a video's state follows from its outputs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from app.domain.jobs import (
    FAILURES,
    LIVE,
    TERMINAL,
    Job,
    Media,
    Released,
    State,
    Transition,
    accepted,
    begin_submit,
    failed,
    later,
    move_on,
    pending,
    rendered,
    resubmit,
    stored,
)
from app.domain.public_state import OutputState, VideoState, derive, public_status, seconds_text

if TYPE_CHECKING:
    from app.domain.plain import Json

JOB = Job(
    id="out_1",
    video_id="video_1",
    index=0,
    state=State.QUEUED,
    fence=3,
    attempts=1,
    progress=20,
    provider="fal",
    operation=None,
    result=None,
    deadline=9000.0,
    offer=0,
    history=[],
    started_at=None,
    cost=None,
    error=None,
    created_at=1000.0,
    order={},
)
MEDIA = Media("videos/a", "video/mp4", 1234, 1280, 720, 6.04, 24.0, 145, 420_000)
STORY: dict[str, Json] = {"provider": "fal", "outcome": "completed"}
FREE = {"lease_owner": None, "lease_until": None}


def at(state: State, progress: int = 0, code: str | None = None, message: str | None = None) -> OutputState:
    return OutputState(state, progress, code, message)


def test_an_output_is_live_or_terminal_and_never_both() -> None:
    assert set(State) == LIVE | TERMINAL
    assert not LIVE & TERMINAL
    assert {State.COMPLETED, State.FAILED} == TERMINAL


def test_beginning_to_submit_counts_the_attempt_and_keeps_the_lease() -> None:
    assert begin_submit(JOB) == Transition(JOB, {"attempts": 2}, State.SUBMITTING)


def test_an_accepted_job_keeps_its_handle_and_is_nobody_elses_any_more() -> None:
    alive = {"error_code": None, "error_message": None, "completed_at": None, "cleanup": False, "fence": JOB.fence + 1}
    values = {"run_at": 50.0, "operation": {"id": "r"}, "started_at": 49.0, **alive, **FREE}
    assert accepted(JOB, {"id": "r"}, 49.0, 50.0) == Transition(JOB, values, State.RUNNING)


def test_a_refused_job_waits_for_another_attempt() -> None:
    assert resubmit(JOB, 50.0) == Transition(JOB, {"run_at": 50.0, **FREE}, State.QUEUED)


@pytest.mark.parametrize(
    ("reported", "shown"), [(None, 20), (0, 20), (-5, 20), (19, 20), (21, 21), (99, 99), (100, 99), (500, 99)]
)
def test_a_pending_job_never_goes_back_nor_says_a_hundred(reported: int | None, shown: int) -> None:
    values = {"run_at": 50.0, "progress": shown, **FREE}
    assert pending(JOB, reported, 50.0) == Transition(JOB, values, State.RUNNING)


def test_when_a_provider_was_asked_is_noted_on_the_handle_of_a_job_that_it_tells_of() -> None:
    values = {"run_at": 50.0, "progress": 20, "operation": {"id": "r", "asked_at": 49.0}, **FREE}
    running = replace(JOB, operation={"id": "r", "asked_at": 19.0})
    assert pending(running, None, 50.0, asked_at=49.0) == Transition(running, values, State.RUNNING)


def test_a_rendered_job_is_due_at_once_with_its_result() -> None:
    values = {"run_at": 40.0, "result": {"path": "p"}, "progress": 99, **FREE}
    assert rendered(JOB, {"path": "p"}, 40.0) == Transition(JOB, values, State.STORING)


def test_a_stored_job_is_complete_with_the_facts_of_its_file() -> None:
    values = {
        "media_key": "videos/a",
        "content_type": "video/mp4",
        "size_bytes": 1234,
        "width": 1280,
        "height": 720,
        "duration": 6.04,
        "fps": 24.0,
        "num_frames": 145,
        "cost": 420_000,
        "history": [STORY],
        "progress": 100,
        "completed_at": 40.0,
        "cleanup": True,
        "run_at": 40.0,
        **FREE,
    }
    assert stored(JOB, MEDIA, 40.0, STORY) == Transition(JOB, values, State.COMPLETED)


@pytest.mark.parametrize("code", FAILURES)
def test_a_failed_job_says_why_and_is_cleaned_up(code: str) -> None:
    values: dict[str, object] = {
        "error_code": code,
        "error_message": "why",
        "completed_at": 40.0,
        "cleanup": True,
        "run_at": 40.0,
        "cost": None,
        "history": [],
        **FREE,
    }
    assert failed(JOB, code, "why", 40.0) == Transition(JOB, values, State.FAILED)


def test_a_failure_that_was_charged_adds_up_and_tells_its_story() -> None:
    values = failed(replace(JOB, cost=5, history=[STORY]), "moderation_blocked", "no", 40.0, STORY, 7).values
    assert (values["cost"], values["history"]) == (12, [STORY, STORY])


def test_moving_on_forgets_the_handle_and_keeps_the_story() -> None:
    job = replace(JOB, state=State.RUNNING, operation={"id": "r"}, started_at=4.0)
    values = {"offer": 1, "provider": "xai", "operation": None, "started_at": None, "history": [STORY]}
    assert move_on(job, 1, "xai", 50.0, STORY) == Transition(job, {"run_at": 50.0, **FREE, **values}, State.QUEUED)


def test_a_video_that_began_never_waits_again() -> None:
    assert derive([at(State.QUEUED)], 7, "in_progress") == VideoState("in_progress", 7)


@pytest.mark.parametrize("state", State)
def test_a_snoozed_job_stays_where_it_is_and_loses_nothing(state: State) -> None:
    job = replace(JOB, state=state)
    assert later(job, 50.0) == Transition(job, {"run_at": 50.0, **FREE}, state)


def test_a_row_can_be_handed_back_for_good() -> None:
    assert Released(None).values() == {"run_at": None, **FREE}


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (State.QUEUED, "queued"),
        (State.SUBMITTING, "queued"),
        (State.RUNNING, "in_progress"),
        (State.STORING, "in_progress"),
        (State.COMPLETED, "completed"),
        (State.FAILED, "failed"),
    ],
)
def test_only_four_words_leave_the_gateway(state: State, word: str) -> None:
    assert public_status(state) == word
    assert derive([at(state)]).status == word


Q, S, R, K, C, F = State


@pytest.mark.parametrize(
    ("states", "status"),
    [
        ([Q, S], "queued"),
        ([Q, R], "in_progress"),
        ([S, K], "in_progress"),
        ([Q, C], "in_progress"),
        ([Q, F], "in_progress"),
        ([R, C, F], "in_progress"),
        ([C, F], "completed"),
        ([F, C], "completed"),
        ([C, C], "completed"),
        ([F, F], "failed"),
    ],
)
def test_a_video_is_what_its_outputs_are(states: list[State], status: str) -> None:
    found = derive([at(state) for state in states])
    assert found.status == status
    assert found.terminal == (status in ("completed", "failed"))


def test_a_completed_video_is_at_a_hundred_without_an_error() -> None:
    outputs = [at(F, 5, "timeout", "late"), at(C, 100)]
    assert derive(outputs, 40) == VideoState("completed", 100)


def test_a_failed_video_has_the_first_outputs_error_and_the_progress_it_had() -> None:
    outputs = [at(F, 5, "timeout", "late"), at(F, 9, "moderation_blocked", "no")]
    assert derive(outputs, 40) == VideoState("failed", 40, ("timeout", "late"))
    assert derive([at(F)], 7) == VideoState("failed", 7, ("provider_error", ""))


@pytest.mark.parametrize(
    ("outputs", "before", "shown"),
    [
        ([at(R, 30)], 0, 30),
        ([at(R, 30), at(Q, 0)], 0, 15),
        ([at(R, 30), at(C, 100)], 0, 65),
        ([at(R, 30), at(F, 10)], 0, 65),  # a failed output has nothing left to do
        ([at(R, 30)], 50, 50),
        ([at(K, 99), at(C, 100), at(C, 100)], 0, 99),
        ([at(R, 100)], 0, 99),
    ],
)
def test_progress_is_the_mean_of_the_outputs_and_never_goes_back(
    outputs: list[OutputState], before: int, shown: int
) -> None:
    assert derive(outputs, before).progress == shown


@pytest.mark.parametrize(
    ("duration", "text"),
    [(6.0, "6"), (6.041667, "6"), (12.04, "12"), (10.0, "10"), (100, "100"), (6.5, "6.5"), (0.08, "0.1"), (8.96, "9")],
)
def test_seconds_are_written_in_tenths_at_most(duration: float, text: str) -> None:
    assert seconds_text(duration) == text
