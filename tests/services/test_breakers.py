"""A provider that keeps failing is left alone, then tried with one request."""

from __future__ import annotations

import pytest

from app.services.breakers import Breakers, Standing
from tests.services.bench import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breakers(clock: Clock) -> Breakers:
    return Breakers(clock)


def fail(breakers: Breakers, times: int, provider: str = "fal") -> None:
    for _fault in range(times):
        breakers.failed(provider)


def test_a_provider_that_nothing_is_known_of_is_tried(breakers: Breakers) -> None:
    assert breakers.allows("fal", "a")
    assert breakers.wait("fal") == 0


def test_four_faults_are_forgiven_and_the_fifth_opens_it(breakers: Breakers) -> None:
    fail(breakers, 4)
    assert breakers.allows("fal", "a")
    fail(breakers, 1)
    assert not breakers.allows("fal", "a")
    assert breakers.wait("fal") == 30


def test_a_success_between_faults_starts_the_count_again(breakers: Breakers) -> None:
    fail(breakers, 4)
    breakers.worked("fal")
    fail(breakers, 4)
    assert breakers.allows("fal", "a")


def test_one_providers_faults_say_nothing_about_another(breakers: Breakers) -> None:
    fail(breakers, 9)
    assert breakers.allows("xai", "a")


def test_after_half_a_minute_one_probe_goes_through_and_the_others_wait_for_it(
    breakers: Breakers, clock: Clock
) -> None:
    fail(breakers, 5)
    clock.now += 29.9
    assert not breakers.allows("fal", "a")
    assert breakers.wait("fal") == pytest.approx(0.1)
    clock.now += 0.1
    assert [breakers.allows("fal", who) for who in "abc"] == [True, False, False]


def test_a_probe_that_works_closes_it(breakers: Breakers, clock: Clock) -> None:
    fail(breakers, 5)
    clock.now += 30
    assert breakers.allows("fal", "a")
    breakers.worked("fal")
    assert [breakers.allows("fal", who) for who in "abc"] == [True, True, True]


def test_a_probe_that_fails_keeps_it_open_for_another_half_minute(breakers: Breakers, clock: Clock) -> None:
    fail(breakers, 5)
    clock.now += 30
    assert breakers.allows("fal", "a")
    fail(breakers, 1)
    clock.now += 29
    assert not breakers.allows("fal", "a")
    clock.now += 1
    assert breakers.allows("fal", "a")


def test_a_probe_that_never_comes_back_is_followed_by_another(breakers: Breakers, clock: Clock) -> None:
    fail(breakers, 5)
    clock.now += 30
    assert breakers.allows("fal", "a")
    clock.now += 30
    assert breakers.allows("fal", "a")


def test_a_probe_that_learnt_nothing_makes_room_for_another_at_once(breakers: Breakers, clock: Clock) -> None:
    fail(breakers, 5)
    clock.now += 30
    assert breakers.allows("fal", "a")
    breakers.released("fal", "a")
    assert breakers.wait("fal") == 0
    assert [breakers.allows("fal", who) for who in "bc"] == [True, False]


def test_only_the_probe_itself_makes_room(breakers: Breakers, clock: Clock) -> None:
    fail(breakers, 5)
    breakers.released("fal", "sent before it opened")
    assert not breakers.allows("fal", "a")
    clock.now += 30
    assert breakers.allows("fal", "a")
    breakers.released("fal", "b")
    assert not breakers.allows("fal", "b")


def test_a_probe_that_failed_has_nothing_to_release(breakers: Breakers, clock: Clock) -> None:
    fail(breakers, 5)
    clock.now += 30
    assert breakers.allows("fal", "a")
    fail(breakers, 1)
    breakers.released("fal", "a")
    assert not breakers.allows("fal", "b")


def test_an_operator_is_told_how_it_stands(breakers: Breakers, clock: Clock) -> None:
    assert breakers.standing("fal") == Standing("closed", 0, 0.0)
    fail(breakers, 4)
    assert breakers.standing("fal") == Standing("closed", 4, 0.0)
    fail(breakers, 1)
    clock.now += 10
    assert breakers.standing("fal") == Standing("open", 5, 20.0)
    clock.now += 20
    assert breakers.standing("fal") == Standing("half_open", 5, 0.0)
    breakers.allows("fal", "a")
    assert breakers.standing("fal") == Standing("half_open", 5, 30.0)
    breakers.worked("fal")
    assert breakers.standing("fal") == Standing("closed", 0, 0.0)
