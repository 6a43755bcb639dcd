"""The Kubernetes manifests: what the API server's own schemas take, and what fits the image and the gateway."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kubernetes_validate  # type: ignore[import-untyped]  # it has no types
import pytest
import yaml  # type: ignore[import-untyped]  # its types are a package of their own

from app.config import Settings

if TYPE_CHECKING:
    from tests.serving import Running

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "deploy" / "kubernetes"
VERSIONS = ("1.29", "1.37")
SECONDS_TO_STOP = 15
LONGEST_WAIT = 60  # seconds for which an answer is held
KUSTOMIZATION: dict[str, Any] = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
SECRET = "secret.example.yaml"
RESOURCES: dict[str, dict[str, Any]] = {
    name: yaml.safe_load((FOLDER / name).read_text()) for name in (*KUSTOMIZATION["resources"], SECRET)
}
DEPLOYMENT = RESOURCES["deployment.yaml"]
POD = DEPLOYMENT["spec"]["template"]["spec"]
(GATEWAY,) = POD["containers"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", RESOURCES)
def test_a_manifest_is_one_that_kubernetes_takes(name: str, version: str) -> None:
    kubernetes_validate.validate(RESOURCES[name], version, strict=True)


def test_a_misspelt_field_is_none_that_kubernetes_takes() -> None:
    wrong = copy.deepcopy(DEPLOYMENT)
    wrong["spec"]["template"]["spec"]["enableServiceLink"] = False
    with pytest.raises(kubernetes_validate.ValidationError, match="enableServiceLink"):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


def test_every_manifest_is_applied_but_the_example_of_the_secret() -> None:
    files = {path.name for path in FOLDER.glob("*.yaml")}
    assert files == {*KUSTOMIZATION["resources"], "kustomization.yaml", SECRET}
    assert (FOLDER / ".gitignore").read_text() == "secret.yaml\n"


def test_the_pods_run_as_the_user_of_the_image_who_has_a_number() -> None:
    found = re.search(r"^USER (\d+):(\d+)$", DOCKERFILE, re.MULTILINE)
    assert found, "Kubernetes cannot tell that a name is not root"
    user, group = (int(number) for number in found.groups())
    wanted = {"runAsNonRoot": True, "runAsUser": user, "runAsGroup": group, "fsGroup": group}
    assert wanted.items() <= POD["securityContext"].items()


def test_all_that_is_written_goes_to_a_volume() -> None:
    assert GATEWAY["securityContext"]["readOnlyRootFilesystem"] is True
    mounts = {mount["mountPath"]: mount["name"] for mount in GATEWAY["volumeMounts"]}
    assert set(mounts) == {"/tmp", *re.findall(r"^VOLUME (\S+)$", DOCKERFILE, re.MULTILINE)}  # noqa: S108 - theirs
    assert set(mounts.values()) == {volume["name"] for volume in POD["volumes"]}


def test_a_stop_has_the_time_that_it_needs() -> None:
    leaves = int(GATEWAY["lifecycle"]["preStop"]["exec"]["command"][1])
    assert leaves + SECONDS_TO_STOP < POD["terminationGracePeriodSeconds"]


def test_no_variable_that_kubernetes_makes_of_a_service_is_taken_for_a_setting() -> None:
    assert RESOURCES["service.yaml"]["metadata"]["name"] == "reelgate"  # REELGATE_PORT=tcp://10.0.0.1:80
    assert POD["enableServiceLinks"] is False


def test_every_variable_is_a_setting_or_the_clouds() -> None:
    known = {str(field.validation_alias or f"REELGATE_{name.upper()}") for name, field in Settings.model_fields.items()}
    (generated,) = KUSTOMIZATION["configMapGenerator"]
    given = {literal.partition("=")[0] for literal in generated["literals"]} | set(RESOURCES[SECRET]["stringData"])
    assert {name for name in given if not name.startswith("AWS_")} <= known
    named = {ref["name"] for source in GATEWAY["envFrom"] for ref in source.values()}
    assert named == {generated["name"], RESOURCES[SECRET]["metadata"]["name"]}
    assert KUSTOMIZATION["namespace"] == RESOURCES[SECRET]["metadata"]["namespace"]


def test_the_probes_ask_what_the_gateway_answers(gateway: Running) -> None:
    (port,) = GATEWAY["ports"]
    assert f"EXPOSE {port['containerPort']}\n" in DOCKERFILE
    for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
        asked = GATEWAY[kind]["httpGet"]
        assert asked["port"] == port["name"]
        assert gateway.http.get(asked["path"]).json()["status"] == "ok"


def test_requests_find_the_pods_of_which_one_always_runs() -> None:
    labels = DEPLOYMENT["spec"]["template"]["metadata"]["labels"]
    service, budget, ingress = (RESOURCES[f"{name}.yaml"] for name in ("service", "disruption", "ingress"))
    assert service["spec"]["selector"] == budget["spec"]["selector"]["matchLabels"] == labels
    assert 0 < budget["spec"]["minAvailable"] < DEPLOYMENT["spec"]["replicas"]
    (port,) = service["spec"]["ports"]
    assert port["targetPort"] == GATEWAY["ports"][0]["name"]
    (rule,) = ingress["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    assert path["backend"]["service"] == {"name": service["metadata"]["name"], "port": {"name": port["name"]}}


def test_the_way_in_has_room_and_patience_for_what_the_gateway_takes() -> None:
    said = RESOURCES["ingress.yaml"]["metadata"]["annotations"]
    of_nginx = {name.rpartition("/")[2]: value for name, value in said.items()}
    assert int(of_nginx["proxy-body-size"].removesuffix("m")) > Settings.model_fields["max_body_mb"].default
    assert int(of_nginx["proxy-read-timeout"]) > LONGEST_WAIT
    assert of_nginx["proxy-buffering"] == "off"
