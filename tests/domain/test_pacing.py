"""When to poll, and what to say of a job's progress."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.pacing import estimate, poll_after


@pytest.mark.parametrize(
    ("elapsed", "usual", "wait"),
    [(0, 60, 10), (40, 60, 5), (58, 60, 1), (60, 60, 1), (80, 60, 5), (600, 60, 10), (0, 2, 1)],
)
def test_polls_are_dense_around_the_usual_time(elapsed: float, usual: float, wait: float) -> None:
    assert poll_after(elapsed, usual) == wait


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(0.1, 1e4))
def test_an_estimate_rises_with_time_and_never_arrives(one: float, other: float, usual: float) -> None:
    earlier, later = sorted((one, other))
    assert 0 <= estimate(earlier, usual, None) <= estimate(later, usual, None) <= 95


def test_a_queued_job_shows_little() -> None:
    assert estimate(300, 60, 4) == 5
    assert estimate(3, 60, 4) == 3
    assert estimate(60, 60, 0) == 82
