"""docker-compose.yml: what it says is what the gateway understands, and two replicas with it work as one.

No container engine is needed: the file is read as Compose reads it, and the replicas run as processes with its very
variables, on a Postgres and an S3 server of the tests.
"""

from __future__ import annotations

import re
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import yaml  # type: ignore[import-untyped]  # its types are a package of their own
from compose_spec import PyCompose

from app.config import Settings
from tests.cli.processes import served
from tests.postgres import cluster, needs_postgres

if TYPE_CHECKING:
    from tests.bucket import Bucket

ROOT = Path(__file__).parent.parent
KEY = "an-admin-key-of-the-compose-tests"
PASSWORDS = {"POSTGRES_PASSWORD": "a-password-of-the-tests", "S3_SECRET": "a-secret-of-the-tests"}
REPLICAS = ("replica-1", "replica-2")
SECONDS_TO_STOP = 15
_VARIABLE = re.compile(r"\$\{(\w+):([-?])([^}]*)\}")


def compose(**given: str) -> dict[str, Any]:
    """Read the file with these variables set. Raises KeyError for one that must be and is not."""
    read: dict[str, Any] = _filled_in(yaml.safe_load((ROOT / "docker-compose.yml").read_text()), given)
    return read


def _filled_in(node: Any, given: dict[str, str]) -> Any:
    """Put values for variables, after the YAML is read, as Compose does: what is empty stays text."""

    def value(found: re.Match[str]) -> str:
        name, kind, rest = found.groups()
        return given[name] if kind == "?" else given.get(name) or rest

    if isinstance(node, dict):
        return {name: _filled_in(each, given) for name, each in node.items()}
    if isinstance(node, list):
        return [_filled_in(each, given) for each in node]
    return _VARIABLE.sub(value, node) if isinstance(node, str) else node


@pytest.fixture
def services() -> dict[str, Any]:
    """Return the services by name."""
    found: dict[str, Any] = compose(REELGATE_ADMIN_KEY=KEY, **PASSWORDS)["services"]
    return found


def test_nothing_but_one_gateway_on_sqlite_starts_unless_the_profile_is_named(services: dict[str, Any]) -> None:
    assert [name for name, service in services.items() if "profiles" not in service] == ["reelgate"]
    assert "REELGATE_DATABASE_URL" not in services["reelgate"]["environment"]
    assert {service["profiles"][0] for name, service in services.items() if name != "reelgate"} == {
        "replicas",
        "monitoring",
    }


def test_the_admin_key_is_the_one_variable_that_must_be_given() -> None:
    with pytest.raises(KeyError, match="REELGATE_ADMIN_KEY"):
        compose()


def test_what_keeps_a_password_has_no_default_and_does_not_start_without_one() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    named = {name: default for name, kind, default in _VARIABLE.findall(text) if kind == "-"}
    assert not any(named.values()), "what has a default would run on it unnoticed"
    variables = {name: secret["environment"] for name, secret in compose(REELGATE_ADMIN_KEY=KEY)["secrets"].items()}
    needed = {
        name: [variables[each["source"] if isinstance(each, dict) else each] for each in service["secrets"]]
        for name, service in yaml.safe_load(text)["services"].items()
        if "secrets" in service
    }
    assert needed == {
        "postgres": ["POSTGRES_PASSWORD"],
        "s3": ["S3_SECRET"],
        "prometheus": ["REELGATE_METRICS_KEY"],
        "grafana": ["GRAFANA_PASSWORD"],
    }


@pytest.mark.parametrize("page", ["deployment.md", "scaling.md"])
def test_a_page_that_starts_replicas_sets_every_password_first(page: str) -> None:
    blocks = re.findall(r"```console\n(.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)
    first = next(block for block in blocks if "--profile replicas up" in block)
    exported = re.findall(r"(\w+)=", first.partition("--profile replicas up")[0])
    assert set(exported) == {"REELGATE_ADMIN_KEY", *PASSWORDS}


def test_every_variable_of_a_gateway_is_a_setting_or_the_clouds(services: dict[str, Any]) -> None:
    known = {str(field.validation_alias or f"REELGATE_{name.upper()}") for name, field in Settings.model_fields.items()}
    for name in ("reelgate", *REPLICAS):
        given = {variable for variable in services[name]["environment"] if not variable.startswith("AWS_")}
        assert given <= known


def test_the_replicas_differ_by_their_port_alone(services: dict[str, Any]) -> None:
    one, other = ({**services[name], "ports": None} for name in REPLICAS)
    assert one == other
    assert services["replica-1"]["ports"] != services["replica-2"]["ports"]
    assert all(port.startswith("127.0.0.1:") for service in services.values() for port in service.get("ports", []))


def test_the_file_is_one_that_compose_takes() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    filled_in = yaml.safe_dump(compose(REELGATE_ADMIN_KEY=KEY))
    assert set(PyCompose.from_yaml(filled_in).service_names()) == set(yaml.safe_load(text)["services"])
    with pytest.raises(ValueError, match="stop_grace"):
        PyCompose.from_yaml(filled_in.replace("stop_grace_period: 20s", "stop_grace_period: soon"))


def test_every_file_that_is_mounted_exists_and_stays_as_it_is(services: dict[str, Any]) -> None:
    mounted = [volume for service in services.values() for volume in service["volumes"] if volume.startswith("./")]
    assert len(mounted) == 5
    for volume in mounted:
        source, _, mode = volume.split(":")
        assert (ROOT / source).is_file()
        assert mode == "ro"


def test_prometheus_scrapes_the_gateways_with_the_metrics_key_and_grafana_asks_it(services: dict[str, Any]) -> None:
    prometheus, grafana = services["prometheus"], services["grafana"]
    settings = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    (job,) = settings["scrape_configs"]
    (found,) = job["dns_sd_configs"]
    assert found["names"] == ["reelgate", *REPLICAS]
    for name in found["names"]:
        assert all(port.endswith(f":{found['port']}") for port in services[name]["ports"])
    (secret,) = prometheus["secrets"]
    assert job["authorization"] == {"credentials_file": f"/run/secrets/{secret['source']}"}
    assert secret["mode"] & 0o004, "Compose writes it for root alone unless told otherwise"
    variable = compose(REELGATE_ADMIN_KEY=KEY)["secrets"][secret["source"]]["environment"]
    assert all(variable in services[name]["environment"] for name in found["names"])
    targets = _mounts(prometheus)
    folder = Path(targets["deploy/prometheus/prometheus.yml"]).parent
    assert [str(folder / name) for name in settings["rule_files"]] == [targets["docs/prometheus/alerts.yml"]]

    (source,) = yaml.safe_load((ROOT / "deploy/grafana/datasources.yml").read_text())["datasources"]
    assert source["url"] == f"http://prometheus:{prometheus['ports'][0].rpartition(':')[2]}"
    (provider,) = yaml.safe_load((ROOT / "deploy/grafana/dashboards.yml").read_text())["providers"]
    dashboard = _mounts(grafana)["docs/grafana/reelgate.json"]
    assert provider["options"]["path"] == str(Path(dashboard).parent)


def test_the_gateways_have_time_to_stop_and_what_they_wait_for_says_when_it_is_ready(services: dict[str, Any]) -> None:
    for name in ("reelgate", *REPLICAS):
        assert int(services[name]["stop_grace_period"].removesuffix("s")) > SECONDS_TO_STOP
        for needed, how in services[name].get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}
            assert services[needed]["healthcheck"]["test"]


def test_volumes_and_secrets_are_the_same_on_both_sides(services: dict[str, Any]) -> None:
    declared = set(compose(REELGATE_ADMIN_KEY=KEY)["volumes"])
    named = {volume.partition(":")[0] for service in services.values() for volume in service["volumes"]}
    assert {name for name in named if not name.startswith("./")} == declared
    replica, postgres, s3 = (services[name]["environment"] for name in ("replica-1", "postgres", "s3"))
    assert postgres["POSTGRES_PASSWORD_FILE"] == "/run/secrets/postgres_password"
    password = PASSWORDS["POSTGRES_PASSWORD"]
    login = f"{postgres['POSTGRES_USER']}:{password}@postgres:5432/{postgres['POSTGRES_DB']}"
    assert replica["REELGATE_DATABASE_URL"] == f"postgresql+asyncpg://{login}"
    assert {name: replica[name] for name in s3} == s3
    assert f"-bucket={replica['REELGATE_MEDIA_URL'].split('/')[2]}" in services["s3"]["command"]


@needs_postgres
def test_a_video_that_one_replica_takes_is_polled_and_fetched_at_the_other(
    services: dict[str, Any], bucket: Bucket, tmp_path: Path
) -> None:
    with cluster() as server, ExitStack() as stack:
        bucket.http.put("/reelgate").raise_for_status()
        here = {"AWS_ENDPOINT_URL": bucket.endpoint, "REELGATE_DATABASE_URL": server.url("reelgate")}
        shared = {"REELGATE_DATA_DIR": str(tmp_path / "data")}
        gateways = [
            stack.enter_context(served(tmp_path, **{**services[name]["environment"], **here, **shared}))
            for name in REPLICAS
        ]
        headers = {"authorization": f"Bearer {KEY}"}
        one, other = (
            stack.enter_context(httpx.Client(base_url=gateway.url, headers=headers, timeout=60)) for gateway in gateways
        )
        for http in (one, other):
            assert http.get("/readyz").json()["status"] == "ok"
        request = {"prompt": "a harbour", "seconds": 1, "resolution": "480p", "n": 2}
        made = one.post("/v1/videos", json=request, headers={"idempotency-key": "once"}).json()
        again = other.post("/v1/videos", json=request, headers={"idempotency-key": "once"})
        assert (again.json()["id"], again.headers["idempotent-replayed"]) == (made["id"], "true")
        video = _ended(other, made["id"])
        assert video["status"] == "completed", video
        # The link is signed by one and opened, without a key, at the other.
        link = video["url"].replace(gateways[1].url, gateways[0].url)
        film = httpx.get(link, timeout=60).raise_for_status().content
        assert film[4:8] == b"ftyp"
        assert film == other.get(f"/v1/videos/{made['id']}/content").content
        assert any(name.startswith(f"media/videos/{made['id']}/0") for name in _stored(bucket))

        key = one.post("/v1/keys", json={"name": "member"}).json()["key"]
        assert other.get("/v1/videos", headers={"authorization": f"Bearer {key}"}).json()["data"] == []

        gateways[0].process.terminate()
        last = other.post("/v1/videos", json={**request, "prompt": "the other alone"}).json()
        assert gateways[0].process.wait(60) == 0
        assert _ended(other, last["id"])["status"] == "completed"


def _mounts(service: dict[str, Any]) -> dict[str, str]:
    """Return where files of ours are mounted."""
    split = [volume.split(":") for volume in service["volumes"]]
    return {source.removeprefix("./"): target for source, target, *_ in split if source.startswith("./")}


def _ended(http: httpx.Client, video_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        video: dict[str, Any] = http.get(f"/v1/videos/{video_id}").json()
        if video["status"] not in ("queued", "in_progress"):
            return video
        time.sleep(0.2)
    raise AssertionError("the video never ended")


def _stored(bucket: Bucket) -> list[str]:
    listed = bucket.http.get("/reelgate", params={"list-type": "2"}).text
    return re.findall("<Key>([^<]+)</Key>", listed)
