"""When to poll, and what to say of a job's progress."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.pacing import estimate, guess_after, patience, poll_after


@pytest.mark.parametrize(
    ("elapsed", "usual", "wait"),
    [(0, 60, 10), (40, 60, 5), (58, 60, 1), (60, 60, 1), (80, 60, 5), (600, 60, 10), (0, 2, 1)],
)
def test_polls_are_dense_around_the_usual_time(elapsed: float, usual: float, wait: float) -> None:
    assert poll_after(elapsed, usual) == wait


@pytest.mark.parametrize(
    ("elapsed", "usual", "silence", "seconds"),
    [
        (0, 60, None, 90),
        (50, 60, None, 40),
        (0, 2, None, 10),
        (90, 60, None, 0),
        (95, 60, 5, 25),
        (300, 60, 30, 0),
        (20, 60, 5, 70),  # a new process has asked about it early
        (-3600, 60, None, 0),
        (-3600, 60, 10, 20),
    ],
)
def test_a_job_that_its_provider_tells_of_is_asked_about_once_it_is_overdue_and_each_half_minute_then(
    elapsed: float, usual: float, silence: float | None, seconds: float
) -> None:
    assert patience(elapsed, usual, silence) == seconds


@pytest.mark.parametrize(("usual", "seconds"), [(60, 6), (2, 1), (600, 10)])
def test_an_estimate_is_made_anew_ten_times_in_the_usual_time(usual: float, seconds: float) -> None:
    assert guess_after(usual) == seconds


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(0.1, 1e4))
def test_an_estimate_rises_with_time_and_never_arrives(one: float, other: float, usual: float) -> None:
    earlier, later = sorted((one, other))
    assert 0 <= estimate(earlier, usual, None) <= estimate(later, usual, None) <= 95


def test_a_queued_job_shows_little() -> None:
    assert estimate(300, 60, 4) == 5
    assert estimate(3, 60, 4) == 3
    assert estimate(60, 60, 0) == 82
