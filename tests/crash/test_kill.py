"""A short round of the crash harness; `make crash-full` has the long ones."""

from __future__ import annotations

import pytest

from tests.crash.harness import play, table
from tests.crash.system import Plan
from tests.postgres import needs_postgres

# Leases are long enough that none runs out because this machine was busy: what was sent then would be flagged.


@pytest.mark.timeout(600)
def test_nothing_is_lost_or_paid_twice_by_thirty_crashes_at_random_and_at_the_worst_moments() -> None:
    verdict = play("mix", Plan(settle=0, lease=15), jobs=60, times=30)
    assert not verdict.breaches, table("mix", verdict)
    assert verdict.counts["SIGKILLs in all"] >= 30


@needs_postgres
@pytest.mark.timeout(600)
def test_two_replicas_on_postgres_survive_kills_and_answers_that_are_cut() -> None:
    verdict = play("kills", Plan(database="postgres", replicas=2, settle=0, lease=10, cuts=0.1), jobs=40, times=8)
    assert not verdict.breaches, table("kills", verdict)
    assert verdict.counts["SIGKILLs in all"] == 8


@pytest.mark.timeout(600)
def test_the_harness_notices_a_gateway_that_pays_twice() -> None:
    plan = Plan(settle=0, lease=15, callbacks=False, resubmit=True)
    verdict = play("mid-request", plan, jobs=12, times=2)
    assert verdict.counts["outputs paid twice"]
    assert any(breach.startswith("I2") for breach in verdict.breaches)
