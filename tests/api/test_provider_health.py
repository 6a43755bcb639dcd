"""/providers: what an operator is told of each provider and of the queues, by a gateway in front of the fakes."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from app.api import provider_schemas as schemas
from app.services import health
from tests.api.holders import client, holder
from tests.api.waiting import two_replicas
from tests.exposition import scrape_anew
from tests.failover.system import System
from tests.upstreams import aimlapi_errors
from tests.upstreams.behaviour import Rule, accept_then, answer, cut, fail, never
from tests.upstreams.xai_errors import error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import httpx

    from tests.serving import Running
    from tests.upstreams.behaviour import Do

ADMIN_KEY = "an-admin-key-of-the-health-tests"
BUSY = answer(429, error("resource-exhausted", "Too many requests"), {"retry-after": "300"})
FAILURE = fail(500, {"detail": "Runner died", "error_type": "runner_server_error"}, error_type="runner_server_error")
NAMES = {"fal": "fal.ai", "aimlapi": "AI/ML API", "xai": "xAI"}


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    """Three fakes and a gateway in front of them that counts anew whenever it is asked."""
    monkeypatch.setattr(health, "_FRESH_SECONDS", 0.0)
    monkeypatch.setattr(health, "_DAY_FRESH_SECONDS", 0.0)
    monkeypatch.setattr("app.services.gauges._FRESH_SECONDS", 0.0)
    monkeypatch.setattr(health, "_BALANCE_SECONDS", 0.0)
    with ExitStack() as stack:
        yield System(tmp_path, stack, monkeypatch)


def report(http: httpx.Client) -> dict[str, Any]:
    """Ask how everything is."""
    answered = http.get("/v1/providers")
    assert answered.status_code == 200, answered.text
    schemas.ProviderList.model_validate_json(answered.text)
    found: dict[str, Any] = answered.json()
    return found


def provider(system: System, name: str) -> dict[str, Any]:
    """Ask how one provider is."""
    found: dict[str, Any] = next(each for each in report(system.gateway.http)["data"] if each["id"] == name)
    return found


def counts(system: System) -> dict[str, int]:
    """Ask how many are in each state."""
    return {each["state"]: each["count"] for each in report(system.gateway.http)["queue"]["states"]}


def test_every_provider_tells_how_its_outputs_ended_in_the_order_of_preference(system: System) -> None:
    system.misbehave("xai", Rule(on="job", do=fail(error_type="internal_error", error="Sorry."), skip=2))
    for _one in range(3):
        system.wait(system.create(model="xai/grok-imagine-video"))
    found = report(system.gateway.http)
    assert [(each["id"], each["name"], each["order"]) for each in found["data"]] == [
        (name, title, place) for place, (name, title) in enumerate(NAMES.items(), 1)
    ]
    fal, xai = found["data"][0], found["data"][2]
    assert (xai["completed"], xai["failed"], xai["success_rate"]) == (2, 1, pytest.approx(2 / 3, abs=1e-4))
    assert xai["failures"] == [{"code": "provider_error", "count": 1}]
    assert xai["submits"] == xai["recent"] == {"accepted": 3, "refused": 0, "unsent": 0, "unknown": 0}
    assert 0 < xai["median_seconds"] <= xai["p95_seconds"] < 60
    assert (fal["success_rate"], fal["median_seconds"], fal["failures"], fal["last_refusal"]) == (None, None, [], None)
    assert (found["breakers"], found["window_seconds"]) == ("gateway", 86_400)
    system.advance(700)
    assert provider(system, "xai")["recent"] == {"accepted": 0, "refused": 0, "unsent": 0, "unknown": 0}
    system.advance(86_400)
    assert provider(system, "xai")["completed"] == 0


def test_what_a_provider_failed_at_counts_even_where_the_next_one_made_the_video(system: System) -> None:
    system.misbehave("fal", Rule(on="job", do=FAILURE))
    before = scrape_anew(system.gateway)
    repaired = system.wait(system.create())
    assert (repaired["status"], repaired["metadata"]["provider"]) == ("completed", "aimlapi")
    steps = system.gateway.http.get(f"/v1/videos/{repaired['id']}/timeline").json()["data"]
    assert [(step["step"], step["provider"]) for step in steps] == [
        ("queued", None),
        ("submitted", "fal"),
        ("accepted", "fal"),
        ("failed_over", "fal"),
        ("submitted", "aimlapi"),
        ("accepted", "aimlapi"),
        ("completed", "aimlapi"),
    ]
    system.wait(system.create())
    fal, aimlapi = provider(system, "fal"), provider(system, "aimlapi")
    assert (fal["completed"], fal["failed"], fal["failed_over"], fal["success_rate"]) == (1, 0, 1, 0.5)
    assert fal["failures"] == [{"code": "provider_error", "count": 1}]
    assert (aimlapi["completed"], aimlapi["failed_over"], aimlapi["success_rate"]) == (1, 0, 1)
    labels = {"provider": "fal", "model": "grok-imagine-video", "code": "provider_error"}
    after = scrape_anew(system.gateway)
    assert [each.sum("reelgate_failovers_total", **labels) for each in (before, after)] == [
        after.sum("reelgate_failovers_total") - 1,
        after.sum("reelgate_failovers_total"),
    ]
    system.advance(86_500)
    assert provider(system, "fal")["failed_over"] == 0


def test_what_every_provider_failed_at_counts_once_at_each(system: System) -> None:
    system.start(providers=("fal", "xai"))
    system.misbehave("fal", Rule(on="job", do=FAILURE))
    system.misbehave("xai", Rule(on="job", do=fail(error_type="internal_error", error="Sorry.")))
    assert system.wait(system.create())["error"]["code"] == "all_providers_failed"
    fal, xai = provider(system, "fal"), provider(system, "xai")
    assert (fal["failed"], fal["failed_over"], fal["success_rate"]) == (0, 1, 0)
    assert (xai["failed"], xai["failed_over"], xai["success_rate"]) == (1, 0, 0)


def test_what_a_caller_did_counts_as_no_failure_of_the_provider(system: System) -> None:
    system.wait(system.create(model="fal/grok-imagine-video"))
    system.misbehave("fal", Rule(on="job", do=never()))
    video_id = system.create(model="fal/grok-imagine-video")
    system.until(lambda: system.get(video_id)["status"] == "in_progress")
    system.gateway.http.post(f"/v1/videos/{video_id}/cancel").raise_for_status()
    fal = provider(system, "fal")
    assert (fal["success_rate"], fal["failed"], fal["failures"]) == (1, 1, [{"code": "cancelled", "count": 1}])


def test_a_provider_that_keeps_failing_is_told_as_left_alone_and_then_as_tried(system: System) -> None:
    system.misbehave("fal", Rule(on="submit", do=answer(503), times=None))
    system.create(n=5)
    system.until(lambda: provider(system, "fal")["breaker"]["failures"] == 5)
    found = provider(system, "fal")
    assert (found["breaker"]["state"], found["breaker"]["failures"]) == ("open", 5)
    assert 0 < found["breaker"]["retry_in_seconds"] <= 30
    assert found["recent"]["accepted"] == 0
    assert found["recent"]["unknown"] == 5
    assert provider(system, "aimlapi")["breaker"] == {"state": "closed", "failures": 0, "retry_in_seconds": 0}
    system.advance(31)
    assert provider(system, "fal")["breaker"]["state"] == "half_open"


def test_the_queues_their_oldest_and_the_flagged_are_told(system: System) -> None:
    system.settings["settle_seconds"] = 0
    system.start(providers=("xai",))
    system.misbehave("xai", Rule(on="submit", do=accept_then(cut(reset=True))))
    lost = system.outlast(system.create())
    assert lost["error"]["code"] == "submission_unknown"
    assert report(system.gateway.http)["queue"]["flagged_submissions"] == 1
    assert provider(system, "xai")["submits"]["unknown"] == 1
    system.misbehave("xai", Rule(on="submit", do=BUSY, times=None))
    system.create()
    system.until(lambda: system.arrived("xai") == 2 and counts(system)["queued"] == 1)
    system.clock.ahead += 100
    queue = report(system.gateway.http)["queue"]
    assert 100 <= queue["oldest_queued_seconds"] < 160
    states = ["queued", "submitting", "running", "storing", "cleanup", "webhooks"]
    assert [each["state"] for each in queue["states"]] == states


@pytest.mark.parametrize(
    ("name", "refusal", "code", "message"),
    [
        (
            "aimlapi",
            answer(401, aimlapi_errors.no_key()),
            "provider_error",
            "AI/ML API does not accept the gateway's key: check AIMLAPI_KEY.",
        ),
        (
            "aimlapi",
            answer(403, aimlapi_errors.out_of_credits()),
            "provider_balance_exhausted",
            "The gateway's account at AI/ML API has no balance left.",
        ),
        (
            "xai",
            answer(400, error("invalid-argument", "<b>a calm sea</b> is no prompt, rg_secret")),
            "invalid_input",
            "It does not take what a request asked for.",
        ),
        (
            "xai",
            answer(400, error("invalid-argument", "a calm sea violates our usage guidelines")),
            "moderation_blocked",
            "It refused what a request wanted to see.",
        ),
        ("xai", BUSY, None, "It had too much to do, or was out of order."),
    ],
    ids=["key", "balance", "input", "content", "busy"],
)
def test_why_the_newest_request_was_refused_is_told_in_words_of_the_gateway(
    system: System, name: str, refusal: Do, code: str | None, message: str
) -> None:
    system.misbehave(name, Rule(on="submit", do=refusal, times=None))
    system.create(model=f"{name}/grok-imagine-video")
    system.until(lambda: provider(system, name)["submits"]["refused"] == 1)
    answered = system.gateway.http.get("/v1/providers")
    assert "a calm sea" not in answered.text
    assert "secret" not in answered.text
    found = provider(system, name)
    told = found["last_refusal"]
    assert (told["code"], told["message"]) == (code, message)
    assert abs(told["at"] - time.time()) < 600
    assert found["recent"] == {"accepted": 0, "refused": 1, "unsent": 0, "unknown": 0}


def test_of_a_refusal_whose_video_was_deleted_it_is_told_that_there_was_one(system: System) -> None:
    system.misbehave("xai", Rule(on="submit", do=answer(401, error("unauthenticated", "No API key."))))
    video = system.wait(system.create(model="xai/grok-imagine-video"))
    told = provider(system, "xai")["last_refusal"]
    system.gateway.http.delete(f"/v1/videos/{video['id']}").raise_for_status()
    untold = {"code": None, "message": "It did not take a request; the gateway's log says why.", "at": told["at"]}
    assert provider(system, "xai")["last_refusal"] == untold


def test_the_newest_refusal_is_told_for_a_day(system: System) -> None:
    system.misbehave("xai", Rule(on="submit", do=answer(401, error("unauthenticated", "No API key."))))
    system.wait(system.create(model="xai/grok-imagine-video"))
    told = provider(system, "xai")["last_refusal"]
    system.clock.ahead += 700
    assert provider(system, "xai")["last_refusal"] == told
    system.clock.ahead += 86_400
    assert provider(system, "xai")["last_refusal"] is None


def test_a_provider_that_cannot_be_reached_has_refused_nothing(system: System) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        system.settings["fal_queue_url"] = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    video = system.wait(system.create())
    assert video["metadata"]["provider"] == "aimlapi"
    fal = provider(system, "fal")
    assert (fal["submits"], fal["last_refusal"]) == ({"accepted": 0, "refused": 0, "unsent": 1, "unknown": 0}, None)
    steps = system.gateway.http.get(f"/v1/videos/{video['id']}/timeline").json()["data"]
    assert [(step["step"], step["provider"]) for step in steps[1:5]] == [
        ("submitted", "fal"),
        ("unsent", "fal"),
        ("submitted", "aimlapi"),
        ("accepted", "aimlapi"),
    ]
    sent = system.gateway.http.get("/v1/submissions", params={"status": "all"}).json()["data"]
    assert sorted(each["phase"] for each in sent) == ["accepted", "unsent"]


def test_the_balance_is_told_where_the_provider_tells_it_and_nobody_waits_long_for_it(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_PATIENCE_SECONDS", 30)
    system.aimlapi.balance = 12.5
    assert provider(system, "fal")["balance"] is None
    told = provider(system, "aimlapi")["balance"]
    assert (told["amount"], told["currency"]) == (12.5, "usd")

    async def hang() -> float:
        await asyncio.sleep(3600)
        return 0.0

    monkeypatch.setattr(system.gateway.app.state.gateway.providers["aimlapi"], "balance", hang)
    monkeypatch.setattr(health, "_PATIENCE_SECONDS", 0.2)
    assert provider(system, "aimlapi")["balance"] == told, "what it said last"
    assert system.gateway.http.get("/v1/providers").elapsed.total_seconds() < 10


def test_a_wrong_key_at_the_provider_leaves_the_balance_untold(system: System) -> None:
    system.aimlapi.key = "another"
    assert provider(system, "aimlapi")["balance"] is None


@pytest.mark.parametrize("role", ["member", "reader"])
def test_only_admins_are_told(start_gateway: Callable[..., Running], role: str) -> None:
    gateway = start_gateway(admin_key=ADMIN_KEY)
    with client(gateway, ADMIN_KEY) as boss, holder(gateway, boss, role=role) as other:
        assert [each["id"] for each in report(boss)["data"]] == ["local"]
        refused = other.get("/v1/providers")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "permission_denied")


def test_of_several_replicas_each_says_whose_breakers_it_tells(tmp_path: Path, postgres_url: str) -> None:
    with two_replicas(tmp_path, postgres_url) as (works, answers):
        working, answering = report(works.gateway.http), report(answers.http)
    assert working["breakers"] == "process"
    assert working["data"][0]["breaker"]["state"] == "closed"
    assert answering["breakers"] == "none"
    assert answering["data"][0]["breaker"] is None
