"""Complaints 28 to 31 about other gateways: costs that are 0, wrong or paid twice; the ledgers are the truth."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from app.domain import pricing
from app.domain.catalogue import ModeSpec
from app.domain.pricing import Quantities
from tests.pitfalls.bench import MODEL, REAL, at_least
from tests.upstreams.behaviour import Rule, accept_then, answer, cut, fail, garbage, shape

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.pitfalls.bench import Bench
    from tests.serving import Running
    from tests.upstreams.behaviour import Do


def priced(gateway: Running, **fields: object) -> dict[str, Any]:
    """Ask for a dry run."""
    answer = gateway.http.post("/v1/videos", params={"dryRun": "true"}, json={"prompt": "a boat", **fields})
    assert answer.status_code == 200, answer.text
    estimate: dict[str, Any] = answer.json()
    return estimate


def micros(dollars: float) -> int:
    return round(dollars * 1_000_000)


@pytest.mark.parametrize("provider", REAL)
def test_the_cost_is_what_the_provider_charged(bench: Bench, provider: str) -> None:
    """Complaint 28: custom prices are ignored, and every call costs 0.0."""
    video = bench.main.finished(model=f"{provider}/{MODEL}", n=2, seconds=2)
    assert micros(video["metadata"]["cost"]) == bench.ledger(provider).charged() > 0
    listed = bench.main.http.get(f"/v1/videos/{video['id']}").json()["metadata"]
    assert micros(listed["cost"]) == bench.ledger(provider).charged()


def test_an_unpriced_offering_says_so_instead_of_0(bench: Bench) -> None:
    """Complaint 28: an unpriced model bills nothing; here the estimate is null, and the cost is the provider's."""
    assert priced(bench.main, model=f"aimlapi/{MODEL}")["total_cost_micros"] is None
    video = bench.main.finished(model=f"aimlapi/{MODEL}")
    assert video["metadata"]["cost_estimate"] is None
    assert micros(video["metadata"]["cost"]) == bench.aimlapi.ledger.charged() > 0


@pytest.mark.parametrize("provider", REAL)
def test_a_failed_job_costs_what_the_provider_charged_for_it(bench: Bench, provider: str) -> None:
    """Complaint 29: a failed task is charged."""
    trouble = fail(500, error="Runner died", error_type="internal_server_error")
    bench.rules(provider).add(Rule(on="job", do=trouble))
    video = bench.main.wait(bench.main.create(model=f"{provider}/{MODEL}")["id"])
    assert (video["status"], video["metadata"]["cost"] or 0) == ("failed", 0)
    assert bench.ledger(provider).charged() == 0


@pytest.mark.parametrize("provider", ["fal", "xai"])
def test_omitted_seconds_cost_the_length_that_is_made(bench: Bench, provider: str) -> None:
    """Complaint 29: seconds omitted, 4 s charged, 10 s generated."""
    estimate = priced(bench.main, model=f"{provider}/{MODEL}")
    answer = bench.main.http.post("/v1/videos", json={"prompt": "a boat", "model": f"{provider}/{MODEL}"})
    video = bench.main.wait(answer.json()["id"])
    assert estimate["total_cost_micros"] == bench.ledger(provider).charged() == micros(video["metadata"]["cost"])
    assert float(estimate["seconds"]) == bench.ledger(provider).bodies()[0]["duration"] == 6


def test_a_price_per_video_is_not_multiplied_by_its_seconds() -> None:
    """Complaint 29: a price per call of 2.5 became 37.5."""
    spec = ModeSpec.model_validate({"price": {"video": 2.5}})
    for seconds in (1, 15):
        lines = pricing.estimate(spec, Quantities("auto", seconds, n=2))
        assert lines is not None
        assert pricing.total(lines) == 5_000_000


def test_an_empty_balance_does_not_stop_the_provider_for_everybody(bench: Bench) -> None:
    """Complaint 29: a user's insufficient balance counts as an upstream error and disables the channel."""
    bench.fal.lock()
    for _ in range(7):
        video = bench.main.wait(bench.main.create(model=f"fal/{MODEL}")["id"])
        assert video["error"]["code"] == "provider_balance_exhausted"
    bench.fal.settings.locked = None
    assert bench.main.finished(model=f"fal/{MODEL}")["metadata"]["provider"] == "fal"


@pytest.mark.parametrize(("resolution", "second"), [("480p", 80_000), ("720p", 140_000), ("1080p", 250_000)])
def test_1080p_costs_1080p(bench: Bench, resolution: str, second: int) -> None:
    """Complaint 29: 1080p is undercharged."""
    model = f"fal/{MODEL}-1.5"
    assert priced(bench.main, model=model, resolution=resolution, seconds=2)["total_cost_micros"] == 2 * second
    bench.main.finished(model=model, resolution=resolution, seconds=2)
    assert bench.fal.ledger.charged() == 2 * second


def test_the_billed_units_decide_not_the_seconds(bench: Bench) -> None:
    """Complaint 30: fal's unit is no second of the clock: $0.05 estimated, $0.20 billed."""
    bench.main.finished(model=f"fal/{MODEL}")
    film = next(iter(bench.fal.jobs.values())).media_path
    result: dict[str, Any] = {"video": {"url": bench.environment["REELGATE_FAL_REST_URL"] + film}}
    bench.fal.rules.add(Rule(on="result", do=answer(200, result, {"x-fal-billable-units": "4.0"})))
    video = bench.main.finished(model=f"fal/{MODEL}")
    assert (video["metadata"]["cost_estimate"], video["metadata"]["cost"]) == (0.05, 0.2)


@pytest.mark.parametrize(
    ("provider", "do"),
    [("fal", fail(units=2)), ("xai", shape(moderated="flag")), ("xai", shape(moderated="refused"))],
)
def test_a_failure_that_was_billed_shows_its_cost(bench: Bench, provider: str, do: Do) -> None:
    """Complaint 30: a failed Grok video is billed all the same, and the books say nothing."""
    bench.rules(provider).add(Rule(on="job", do=do))
    video = bench.main.wait(bench.main.create(model=f"{provider}/{MODEL}")["id"])
    assert video["status"] == "failed"
    assert micros(video["metadata"]["cost"]) == bench.ledger(provider).charged() > 0
    assert micros(video["metadata"]["attempts"][-1]["cost"]) == bench.ledger(provider).charged()


LOST = [accept_then(cut()), accept_then(cut(reset=True)), accept_then(answer(500, {"detail": "oops"})), garbage()]


@pytest.mark.parametrize("provider", REAL)
@pytest.mark.parametrize("do", LOST, ids=["closed", "reset", "500", "garbage"])
def test_one_post_is_one_order_whatever_comes_back(
    bench: Bench, another: Callable[..., Running], provider: str, do: Do
) -> None:
    """Complaint 31: three upstream creates for one POST, because the answer was lost after acceptance."""
    gateway = another(providers=",".join([provider, *(name for name in REAL if name != provider)]))
    bench.rules(provider).add(Rule(on="submit", do=do))
    video_id = gateway.create()["id"]
    at_least(1, lambda: len(bench.paid()))
    time.sleep(0.3)  # for whatever would come next
    assert gateway.http.get(f"/v1/videos/{video_id}").json()["status"] in ("queued", "in_progress", "completed")
    gateway.http.post(f"/v1/videos/{video_id}/cancel")
    assert [name for name, _ in bench.paid()] == [provider]
    assert bench.calls(provider, "submit") == 1


def test_a_repeated_post_with_its_idempotency_key_is_the_same_job(bench: Bench) -> None:
    """Complaint 31: Idempotency-Key is ignored, and a retried POST is paid twice."""
    wanted = {"prompt": "once", "seconds": 1, "model": f"fal/{MODEL}", "resolution": "480p"}
    headers = {"idempotency-key": "pitfall-31"}
    answers = [bench.main.http.post("/v1/videos", json=wanted, headers=headers) for _ in range(3)]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert answers[1].headers["idempotent-replayed"] == "true"
    bench.main.wait(answers[0].json()["id"])
    assert len(bench.paid()) == 1


@pytest.mark.parametrize("provider", REAL)
def test_a_failed_download_repeats_only_the_download(bench: Bench, provider: str) -> None:
    """Complaint 31: a download that fails is billed once more at the next provider."""
    bench.rules(provider).add(Rule(on="media", do=answer(503)))
    video = bench.main.finished(model=MODEL if provider == "fal" else f"{provider}/{MODEL}")
    assert video["metadata"]["provider"] == provider
    assert [name for name, _ in bench.paid()] == [provider]
    assert bench.calls(provider, "media") == 2
