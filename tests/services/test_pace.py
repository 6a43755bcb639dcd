"""How long each offering usually takes."""

from __future__ import annotations

import pytest

from app.domain.pacing import USUAL_SECONDS
from app.services.pace import Pace


def test_an_offering_that_never_finished_here_is_guessed() -> None:
    assert Pace().usual("fal", "text") == USUAL_SECONDS


def test_the_first_job_is_taken_at_its_word() -> None:
    pace = Pace()
    pace.record("fal", "text", 10)
    assert pace.usual("fal", "text") == 10


def test_later_jobs_move_the_average_by_a_third_of_the_way_at_most() -> None:
    pace = Pace()
    pace.record("fal", "text", 10)
    pace.record("fal", "text", 20)
    assert pace.usual("fal", "text") == pytest.approx(13)


def test_a_change_for_good_is_learnt_within_a_dozen_jobs() -> None:
    pace = Pace()
    pace.record("fal", "text", 10)
    for _job in range(12):
        pace.record("fal", "text", 100)
    assert 95 < pace.usual("fal", "text") < 100


def test_providers_and_their_endpoints_are_kept_apart() -> None:
    pace = Pace()
    pace.record("fal", "text", 10)
    assert pace.usual("fal", "image") == USUAL_SECONDS
    assert pace.usual("xai", "text") == USUAL_SECONDS
