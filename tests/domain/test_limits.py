"""Limits of keys: the periods of budgets, and the names of models and providers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import catalogue
from app.domain.allowed import by_catalogue
from app.domain.errors import GatewayError
from app.domain.limits import UNLIMITED, Limits, Period, period_end, period_start


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("period", "now", "start", "end"),
    [
        ("day", "2028-02-29T23:59:59.999", "2028-02-29", "2028-03-01"),
        ("day", "2028-02-29T00:00", "2028-02-29", "2028-03-01"),
        ("month", "2028-02-29T12:00", "2028-02-01", "2028-03-01"),
        ("month", "2027-01-31T23:59", "2027-01-01", "2027-02-01"),
        ("month", "2027-12-01T00:00", "2027-12-01", "2028-01-01"),
    ],
)
def test_periods_begin_and_end_at_midnight_of_utc(period: Period, now: str, start: str, end: str) -> None:
    assert period_start(period, at(now)) == at(start)
    assert period_end(period, at(now)) == at(end)


def test_a_total_never_ends() -> None:
    assert (period_start("total", at("2027-01-01")), period_end("total", at("2027-01-01"))) == (0, None)


@given(st.floats(0, 4e9), st.sampled_from(["day", "month"]))
def test_every_moment_lies_in_its_period_and_the_next_follows(now: float, period: Period) -> None:
    end = period_end(period, now)
    assert end is not None
    assert period_start(period, now) <= now < end
    assert period_start(period, end) == end


def test_only_a_budget_needs_prices() -> None:
    assert not UNLIMITED.needs_price
    assert Limits(budget=0).needs_price
    assert not Limits(budget=5, allow_unpriced=True).needs_price


def test_a_list_admits_what_it_names_and_no_list_admits_all() -> None:
    assert UNLIMITED.admits_model(("m",))
    assert UNLIMITED.admits_provider("fal")
    some = Limits(models=("m",), providers=("fal",))
    assert some.admits_model(("alias", "m"))
    assert not some.admits_model(("alias",))
    assert some.admits_provider("fal")
    assert not some.admits_provider("xai")


def test_models_are_kept_by_their_ids_each_once() -> None:
    known = catalogue.builtin()
    alias, name = next(iter(known.aliases.items()))
    asked = Limits(models=(alias, name, "fal/fal-ai/some-model", alias), providers=("fal", "local"))
    assert by_catalogue(asked, known).models == (name, "fal/fal-ai/some-model")
    assert by_catalogue(UNLIMITED, known) == UNLIMITED


@pytest.mark.parametrize(
    ("limits", "code", "param"),
    [
        (Limits(models=("grok-imagine-vide",)), "model_not_found", "models"),
        (Limits(models=("fal/grok-imagine-video",)), "unsupported_value", "models"),
        (Limits(providers=("fal", "fax")), "unsupported_value", "providers"),
    ],
)
def test_what_nobody_knows_is_refused(limits: Limits, code: str, param: str) -> None:
    with pytest.raises(GatewayError) as refusal:
        by_catalogue(limits, catalogue.builtin())
    assert (refusal.value.code, refusal.value.param) == (code, param)
