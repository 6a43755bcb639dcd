"""Prometheus' rules and settings and Grafana's dashboard, read and run by the real Prometheus."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import promql_parser
import pytest
import yaml  # type: ignore[import-untyped]  # its types are a package of their own

from tests.exposition import scrape
from tests.failover.system import System
from tests.serving import environment_without
from tests.upstreams.behaviour import Rule, answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.receiver import Receiver

ROOT = Path(__file__).parent.parent.parent
RULES = ROOT / "docs" / "prometheus"
SETTINGS = ROOT / "deploy" / "prometheus" / "prometheus.yml"
ALERTS = {
    rule["alert"]: str(rule["expr"])
    for group in yaml.safe_load((RULES / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
}
PANELS = {
    f"{panel['title']} {target['refId']}": str(target["expr"])
    for panel in json.loads((ROOT / "docs" / "grafana" / "reelgate.json").read_text())["panels"]
    for target in panel.get("targets", ())
}
KEY = "a-metrics-key-of-the-monitoring-tests"

needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None or shutil.which("promtool") is None,
    reason="Prometheus is not installed (prometheus, promtool)",
)


@pytest.mark.parametrize("name", [*ALERTS, *PANELS])
def test_an_expression_is_promql(name: str) -> None:
    promql_parser.parse(_filled_in({**ALERTS, **PANELS}[name]))


def test_every_rule_is_tested_to_fire_and_not_to() -> None:
    cases = [
        case
        for group in yaml.safe_load((RULES / "alerts_test.yml").read_text())["tests"]
        for case in group["alert_rule_test"]
    ]
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == set(ALERTS)
    assert {case["alertname"] for case in cases if not case["exp_alerts"]} == set(ALERTS)


@needs_prometheus
def test_each_rule_fires_when_it_should_and_not_otherwise() -> None:
    _promtool("test", "rules", RULES / "alerts_test.yml")


@needs_prometheus
def test_prometheus_takes_its_settings(tmp_path: Path) -> None:
    said = _promtool("check", "config", _settings(tmp_path, SETTINGS.read_text()))
    assert f"{len(ALERTS)} rules found" in said


@needs_prometheus
@pytest.mark.thorough  # it needs some scrapes
def test_a_prometheus_that_scrapes_a_gateway_answers_what_every_panel_and_every_rule_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, receiver: Receiver, unused_port: int
) -> None:
    with ExitStack() as stack:
        system = System(tmp_path / "data", stack, monkeypatch)
        gateway = system.start(providers=("fal",), allow_private_networks="127.0.0.1", metrics_key=KEY)
        settings = yaml.safe_load(SETTINGS.read_text())
        (job,) = settings["scrape_configs"]
        assert job.pop("dns_sd_configs")
        assert job.pop("relabel_configs")
        job["static_configs"] = [{"targets": [gateway.url.removeprefix("http://")]}]
        settings["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        http = stack.enter_context(_prometheus(tmp_path, yaml.safe_dump(settings), unused_port))

        system.wait(system.create(webhook_url=receiver.url()))
        system.misbehave("fal", Rule(on="submit", do=answer(422, {"detail": [{"loc": [], "msg": "no", "type": "x"}]})))
        system.wait(system.create())
        _lose_media_for_a_step(system)
        system.until(lambda: not _empty(http), 60)
        rules = http.get("/api/v1/rules").json()["data"]["groups"][0]["rules"]
        assert {rule["name"]: rule["health"] for rule in rules} == dict.fromkeys(ALERTS, "ok")
        assert _query(http, "min_over_time(up[1m])")[0]["value"][1] == "1"


def _lose_media_for_a_step(system: System) -> None:
    """Have a result that cannot be stored, until the folder is one again."""
    media = system.gateway.data_dir / "media"
    media.rename(media.with_name("away"))
    media.touch()
    video_id = system.create()
    system.until(lambda: scrape(system.gateway.http).sum("reelgate_step_faults_total", cause="media_store"))
    media.unlink()
    media.with_name("away").rename(media)
    system.outlast(video_id)


def _empty(http: httpx.Client) -> list[str]:
    """Name the panels that show nothing."""
    return [name for name, expression in PANELS.items() if not _query(http, _filled_in(expression))]


def _filled_in(expression: str) -> str:
    """Put in what Grafana puts in."""
    return expression.replace("$__rate_interval", "1m").replace("$job", "reelgate")


def _settings(folder: Path, text: str) -> Path:
    """Lay the files out as docker-compose.yml mounts them; the key has a place of its own."""
    key = folder / "key"
    key.write_text(KEY)
    shutil.copy(RULES / "alerts.yml", folder)
    path = folder / "prometheus.yml"
    path.write_text(text.replace("/run/secrets/metrics_key", str(key)))
    return path


def _promtool(*arguments: str | Path) -> str:
    done = subprocess.run(
        ["promtool", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@contextmanager
def _prometheus(folder: Path, settings: str, port: int) -> Iterator[httpx.Client]:
    process = subprocess.Popen(
        [
            "prometheus",
            f"--config.file={_settings(folder, settings)}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        env=environment_without("REELGATE_"),
        stderr=subprocess.DEVNULL,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
            deadline = time.monotonic() + 60
            while not _ready(http):
                assert time.monotonic() < deadline
                time.sleep(0.1)
            yield http
    finally:
        process.terminate()
        process.wait(30)


def _ready(http: httpx.Client) -> bool:
    try:
        return http.get("/-/ready").is_success
    except httpx.TransportError:
        return False


def _query(http: httpx.Client, expression: str) -> list[Any]:
    answer = http.get("/api/v1/query", params={"query": expression}).json()
    assert answer["status"] == "success", (expression, answer)
    result: list[Any] = answer["data"]["result"]
    return result
