"""/metrics on real gateways: what a job leaves there, who may read it, and that no caller can make it grow."""

from __future__ import annotations

import random
import string
from contextlib import ExitStack
from typing import TYPE_CHECKING

import httpx
import pytest

from app.main import create_app
from tests.api.holders import client, holder
from tests.exposition import scrape, scrape_anew
from tests.failover.system import PRICE, System
from tests.postgres import cluster, needs_postgres
from tests.receiver import status
from tests.serving import serve, settings_for
from tests.upstreams.behaviour import Rule, answer, slow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.exposition import Scrape
    from tests.receiver import Receiver
    from tests.serving import Running

ADMIN_KEY = "an-admin-key-of-these-tests"
METRICS_KEY = "a-metrics-key-of-these-tests"
HTTP, CALLS = "reelgate_http_request_duration_seconds", "reelgate_upstream_call_duration_seconds_count"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
STATUS_READ = {"method": "GET", "route": "/v1/videos/{video_id}"}


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    """Three fakes and a gateway in front of them, started at its first use."""
    with ExitStack() as stack:
        yield System(tmp_path, stack, monkeypatch)


def read(system: System) -> Scrape:
    """Read the metrics of a system's gateway."""
    return scrape_anew(system.gateway)


def test_a_job_leaves_its_calls_its_end_its_cost_and_its_webhook(system: System, receiver: Receiver) -> None:
    gateway = system.start(providers=("fal",), allow_private_networks="127.0.0.1")
    receiver.answers = [status(500)]
    before = read(system)
    video = system.wait(system.create(webhook_url=receiver.url()))
    assert video["status"] == "completed"
    receiver.wait(1)
    system.until(lambda: not read(system).sum("reelgate_outputs"))
    system.until(lambda: gateway.http.get("/v1/webhook_deliveries").json()["data"][0]["attempts"])
    after = read(system)

    def grew(name: str, **labels: str) -> float:
        return after.sum(name, **labels) - before.sum(name, **labels)

    assert grew(CALLS, provider="fal", call="submit", outcome="ok") == 1
    assert grew(CALLS, provider="fal", call="poll", outcome="ok") >= 1
    assert grew(CALLS, provider="fal", call="download", outcome="ok") == 1
    model = {"provider": "fal", "model": "grok-imagine-video"}
    assert (
        grew("reelgate_outputs_ended_total", **model, outcome="completed") == grew("reelgate_outputs_ended_total") == 1
    )
    assert grew("reelgate_cost_dollars_total", **model) == pytest.approx(system.charged()["fal"] / 1e6)
    assert grew(f"{HTTP}_count", method="POST", route="/v1/videos", status="2xx") == 1
    assert grew(f"{HTTP}_count", **STATUS_READ, status="2xx") >= 1
    for lane in ("submit", "poll", "draw", "deliver"):  # whoever polls stores: that lane is not waited for
        assert grew("reelgate_lane_lag_seconds_count", lane=lane) >= 1
        assert grew("reelgate_lane_lag_seconds_sum", lane=lane) < 20
    assert grew("reelgate_webhook_attempt_duration_seconds_count", result="again") == 1
    assert after.sum("reelgate_webhook_deliveries_pending") == 1
    assert grew("reelgate_database_write_duration_seconds_count") >= grew("reelgate_database_batch_writes_count") > 5
    assert after.sum("reelgate_database_up") == 1


def test_costs_and_the_ledger_and_the_provider_agree_whatever_became_of_the_jobs(system: System) -> None:
    system.start(providers=("fal", "xai"))
    system.misbehave(
        "fal", Rule(on="submit", do=answer(422, {"detail": [{"loc": ["body"], "msg": "no", "type": "x"}]}))
    )
    refused = {"provider": "fal", "outcome": "invalid_input"}
    before = read(system).sum("reelgate_outputs_ended_total", **refused)
    ids = [system.create(n=2), system.create(model="xai/grok-imagine-video")]
    for video_id in ids:
        system.wait(video_id)
    charged = sum(system.charged().values())
    assert charged >= 2 * PRICE
    usage = system.gateway.http.get("/v1/usage").json()
    assert sum(row["cost"] for row in usage["data"]) == pytest.approx(charged / 1e6)
    assert read(system).sum("reelgate_outputs_ended_total", **refused) - before == 1
    assert read(system).sum("reelgate_cost_dollars_total") == pytest.approx(charged / 1e6)


def test_a_provider_that_is_away_opens_its_breaker_and_is_counted_as_unavailable(
    system: System, unused_port: int
) -> None:
    system.settings["fal_queue_url"] = f"http://127.0.0.1:{unused_port}"
    before = read(system)
    assert before.sum("reelgate_breaker_open") == 0
    system.wait(system.create(n=5))
    after = read(system)
    failed = {"provider": "fal", "call": "submit", "outcome": "unavailable"}
    assert after.sum(CALLS, **failed) - before.sum(CALLS, **failed) == 5
    assert after.sum("reelgate_breaker_open", provider="fal") == 1
    assert after.sum("reelgate_breaker_open", provider="aimlapi") == 0


def test_a_submission_of_unknown_fate_is_flagged_and_an_output_of_its_own_kind(system: System) -> None:
    system.start(providers=("xai",), settle_seconds=0)
    before = read(system)
    system.misbehave("xai", Rule(on="submit", do=answer(500, {"error": "Internal"})))
    video_id = system.create()
    system.outlast(video_id)
    after = read(system)
    lost, gone = {"provider": "xai", "call": "submit", "outcome": "unknown"}, {"outcome": "submission_unknown"}
    assert after.sum(CALLS, **lost) - before.sum(CALLS, **lost) == 1
    name = "reelgate_outputs_ended_total"
    assert after.sum(name, **gone) - before.sum(name, **gone) == 1
    assert (before.sum("reelgate_submissions_flagged"), after.sum("reelgate_submissions_flagged")) == (0, 1)


def test_cancelled_outputs_are_counted_one_by_one(system: System) -> None:
    system.start(providers=("fal",))
    system.misbehave("fal", *(Rule(on="job", do=slow(1000)) for _ in range(4)))
    video_id, doomed = system.create(n=3), system.create()
    before = scrape(system.gateway.http)
    system.gateway.http.post(f"/v1/videos/{video_id}/cancel").raise_for_status()
    system.gateway.http.post(f"/v1/videos/{video_id}/cancel").raise_for_status()
    system.gateway.http.delete(f"/v1/videos/{doomed}").raise_for_status()
    after = scrape(system.gateway.http)
    ended = ("reelgate_outputs_ended_total", {"provider": "fal", "model": "grok-imagine-video", "outcome": "cancelled"})
    assert after.sum(ended[0], **ended[1]) - before.sum(ended[0], **ended[1]) == 4


def test_an_answer_that_was_held_does_not_count_as_a_slow_status_read(gateway: Running) -> None:
    video_id = gateway.create()["id"]
    held = {**STATUS_READ, "route": f"{STATUS_READ['route']}?wait"}
    before = scrape(gateway.http)
    while gateway.http.get(f"/v1/videos/{video_id}?wait=20").json()["status"] in ("queued", "in_progress"):
        pass
    gateway.http.get(f"/openai/v1/videos/{video_id}").raise_for_status()
    after = scrape(gateway.http)
    grown = [after.sum(f"{HTTP}_count", **each) - before.sum(f"{HTTP}_count", **each) for each in (held, STATUS_READ)]
    assert grown[0] >= 1
    assert grown[1] == 1, "only the read that was not held"


def word() -> str:
    return "".join(random.choices(string.ascii_lowercase, k=12))  # noqa: S311 - a name, no secret


def test_a_thousand_made_up_names_paths_and_methods_make_no_series(system: System) -> None:
    gateway = system.start(providers=("fal",))
    http = gateway.http

    def everything_odd() -> None:
        name = word()
        http.post("/v1/videos", json={"prompt": "x", "model": name})
        http.get(f"/v1/videos/{name}")
        http.get(f"/{name}/{name}", headers={"x-request-id": name})
        http.request(name.upper(), "/v1/videos")
        http.get("/v1/models", params={name: name})

    everything_odd()
    system.wait(system.create(model=f"fal/{word()}/{word()}"))
    first = read(system)
    for _ in range(200):
        everything_odd()
    for _ in range(5):
        system.wait(system.create(model=f"fal/{word()}/{word()}"))
    second = read(system)
    assert {(each.name, *sorted(each.labels.items())) for each in second.samples} - {
        (each.name, *sorted(each.labels.items())) for each in first.samples
    } == set()
    assert second.values(HTTP, "method") <= {*METHODS, "other"}
    assert second.sum(f"{HTTP}_count", route="other") - first.sum(f"{HTTP}_count", route="other") >= 200
    assert second.sum("reelgate_outputs_ended_total", model="other") >= 6


def test_only_admins_and_the_metrics_key_may_read_it_and_that_key_opens_nothing_else(
    start_gateway: Callable[..., Running],
) -> None:
    gateway = start_gateway(admin_key=ADMIN_KEY, metrics_key=METRICS_KEY)
    with client(gateway, ADMIN_KEY) as admin, client(gateway, METRICS_KEY) as prometheus:
        assert scrape(admin).sum("reelgate_database_up") == scrape(prometheus).sum("reelgate_database_up") == 1
        for role in ("member", "reader"):
            with holder(gateway, admin, role=role) as other:
                refused = other.get("/metrics")
                assert (refused.status_code, refused.json()["error"]["code"]) == (403, "permission_denied")
        for path in ("/v1/videos", "/v1/keys", "/v1/usage", "/v1/models"):
            assert prometheus.get(path).status_code == 401
    for headers in ({}, {"authorization": "Bearer"}, {"authorization": f"Bearer {METRICS_KEY}x"}):
        assert gateway.http.get("/metrics", headers=headers).status_code == 401


def test_a_gateway_that_is_open_shows_it_to_everyone_metrics_key_or_not(start_gateway: Callable[..., Running]) -> None:
    assert scrape(start_gateway(metrics_key=METRICS_KEY).http).sum("reelgate_build_info", role="all") == 1


@needs_postgres
@pytest.mark.parametrize("role", ["api", "worker"])
async def test_every_role_tells_of_itself_and_of_the_database(tmp_path: Path, postgres_url: str, role: str) -> None:
    app = create_app(settings_for(tmp_path, database_url=postgres_url, metrics_key=METRICS_KEY), role=role)  # type: ignore[arg-type]
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            text = (await http.get("/metrics")).text
    assert f'role="{role}"' in text
    assert 'database="postgres"' in text
    assert 'reelgate_outputs{state="queued"} 0.0' in text


@needs_postgres
def test_while_the_database_is_away_it_says_so_and_tells_what_it_can(tmp_path: Path) -> None:
    with cluster() as server, serve(settings_for(tmp_path, database_url=server.url("gateway"))) as gateway:
        assert "reelgate_database_up 1.0" in scrape(gateway.http).text
        server.stop()
        told = scrape_anew(gateway)
        assert "reelgate_database_up 0.0" in told.text
        assert "reelgate_outputs{" not in told.text
        assert told.sum(f"{HTTP}_count", route="/metrics") >= 1
        server.start()
        assert "reelgate_outputs{" in scrape_anew(gateway).text
