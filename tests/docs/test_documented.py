"""What exists is documented, and what is documented exists."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, get_args
from urllib.parse import urlsplit

import pytest
from packaging.requirements import Requirement

from app.api.schemas import VideoObject, VideoWarning
from app.config import Settings
from app.domain import catalogue
from app.domain.errors import ERRORS
from app.domain.jobs import FAILURES
from app.domain.requests import RESERVED_METADATA
from app.providers.fal.addresses import BACKUPS

if TYPE_CHECKING:
    from tests.serving import Running

ROOT = Path(__file__).parent.parent.parent
PAGES = [*sorted(ROOT.glob("[A-Z]*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
OF_COMMANDS = {"REELGATE_API_KEY", "REELGATE_BASE_URL"}  # the command line's own
LOCKS = ("requirements.lock", "requirements-dev.lock")
OUTSIDE_THE_SCHEMA = {
    ("GET", "/docs"),
    ("GET", "/"),
    ("GET", "/dashboard/{digest}/{path}"),
    ("GET", "/session"),
    ("POST", "/session"),
    ("DELETE", "/session"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
    ("POST", "/v1/videos/generations"),
    ("HEAD", "/v1/videos/{video_id}/content"),
}
# "/home/me" is everybody.
MACHINES = re.compile(r"(?<![\w.])/(?:root|home(?!/me\b)|Users|work)/|pypi\.org|pythonhosted\.org|npmjs\.org")


def table(page: str, heading: str) -> list[list[str]]:
    """Return the cells of the first table under a heading, without its head."""
    _, _, rest = (ROOT / page).read_text().partition(f"\n## {heading}\n")
    lines = rest.partition("\n## ")[0].splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("|")]
    return [[cell.strip(" `") for cell in row] for row in rows[2:]]


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return str(Settings.model_fields[name].validation_alias or f"REELGATE_{name.upper()}")


def test_every_host_that_is_called_with_a_providers_key_is_listed_for_firewalls() -> None:
    defaults = [field.default for name, field in Settings.model_fields.items() if name.endswith("_url")]
    called = {urlsplit(url).hostname for url in (*defaults, *BACKUPS, *BACKUPS.values()) if url}
    cells = [apis for _, apis, *_ in table("docs/providers.md", "Hosts for a firewall")]
    assert set(re.findall(r"[\w.-]+\.[a-z]+", " ".join(cells))) == called


def test_every_setting_is_in_the_readme_with_its_default() -> None:
    expected = [
        [variable(name), _shown(field.default), str(field.description).replace("`", "")]
        for name, field in Settings.model_fields.items()
    ]
    assert [[cell.replace("`", "") for cell in row] for row in table("README.md", "Settings")] == expected


def test_every_setting_is_explained_and_no_other() -> None:
    for page in ("README.md", "docs/configuration.md"):
        named = set(re.findall(r"\b(?:REELGATE_[A-Z_]+|[A-Z]+(?:_API)?_KEY)\b", (ROOT / page).read_text()))
        known = {variable(name) for name in Settings.model_fields}
        assert named >= known
        assert named - known <= OF_COMMANDS | {"OPENAI_API_KEY"}


def test_every_route_is_documented(gateway: Running) -> None:
    paths = gateway.http.get("/openapi.json").json()["paths"]
    routes = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    documented = table("docs/api.md", "Routes")
    assert {(method, path) for method, path, _ in documented} == routes | OUTSIDE_THE_SCHEMA
    assert len(documented) == len(routes | OUTSIDE_THE_SCHEMA)


def test_the_routes_outside_the_schema_exist(gateway: Running) -> None:
    assert "swagger" in gateway.http.get("/docs").text
    assert "/js/main.js" in gateway.http.get("/").text
    assert gateway.http.get("/session").json()["signed_in"] is True
    assert gateway.http.post("/v1/videos/generations", json={}).json()["error"]["param"] == "prompt"
    video = gateway.finished()
    assert gateway.http.head(f"/v1/videos/{video['id']}/content").status_code == 200


def test_every_error_code_is_documented() -> None:
    rows = table("docs/errors.md", "Codes")
    assert all(len(row) == 5 and all(row) for row in rows), "each has a cause and what to do"
    documented = [(code, int(status), kind) for code, status, kind, *_ in rows]
    assert documented == [(code, kind.status, kind.type) for code, kind in ERRORS.items()]


def test_every_failure_is_documented() -> None:
    rows = table("docs/errors.md", "Failed videos")
    assert all(len(row) == 3 and all(row) for row in rows), "each has a cause and what to do"
    assert [code for code, *_ in rows] == list(FAILURES)


def test_every_field_of_a_video_is_documented() -> None:
    section = (ROOT / "docs/api.md").read_text().partition("\n## The video object\n")[2].partition("\n## ")[0]
    rows = dict(table("docs/api.md", "The video object"))
    assert set(VideoObject.model_fields) - {"id", "object"} <= set(re.findall(r"`([a-z_]+)`", section))
    assert set(re.findall(r"`([a-z_]+)`", f"`{rows['metadata']}`")) >= RESERVED_METADATA
    warning = {*VideoWarning.model_fields, *get_args(VideoWarning.model_fields["code"].annotation)}
    assert set(re.findall(r"`([a-z_]+)`", rows["warnings"])) >= warning


def test_the_schema_admits_as_many_images_as_some_model_takes(gateway: Running) -> None:
    most = max(spec.images.max for model in catalogue.builtin().models.values() for spec in model.modes.values())
    operation = gateway.http.get("/openapi.json").json()["paths"]["/v1/videos"]["post"]
    fields = operation["requestBody"]["content"]["application/json"]["schema"]["properties"]
    for name in ("input_reference", "reference_images"):
        assert [kind["maxItems"] for kind in fields[name]["anyOf"] if kind.get("type") == "array"] == [most]


def test_every_model_is_documented() -> None:
    known = catalogue.builtin()
    expected = [
        [
            model.id,
            mode.value,
            ", ".join(spec.resolutions) or "the input's",
            ", ".join(spec.ratios) or "the input's",
            f"{spec.seconds.min}-{spec.seconds.max} ({spec.seconds.default})" if spec.seconds else "the input's",
            str(spec.images.max or "none"),
        ]
        for model in known.models.values()
        for mode, spec in model.modes.items()
    ]
    assert table("docs/models.md", "Modes") == expected
    assert dict(table("docs/models.md", "Aliases")) == known.aliases


def test_no_committed_file_names_a_machine_or_a_registry() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    for name in listed.stdout.splitlines():
        try:
            text = (ROOT / name).read_text()
        except (UnicodeDecodeError, FileNotFoundError):
            continue
        assert not MACHINES.search(text), f"{name}: {MACHINES.search(text)}"


def test_the_locks_are_plain_pins_that_satisfy_the_project() -> None:
    lines = [line for name in LOCKS for line in (ROOT / name).read_text().splitlines()]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line) for line in lines)
    pins = {_plain(name): version for name, _, version in (line.partition("==") for line in lines)}
    assert len(pins) == len(lines)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    run_time = {_plain(line.partition("==")[0]) for line in (ROOT / LOCKS[0]).read_text().splitlines()}
    for wanted in map(Requirement, project["project"]["dependencies"]):
        assert _plain(wanted.name) in run_time
        assert wanted.specifier.contains(pins[_plain(wanted.name)])
    for wanted in map(Requirement, project["dependency-groups"]["dev"]):
        assert wanted.specifier.contains(pins[_plain(wanted.name)])


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _shown(default: object) -> str:
    if default is None or default in ("", ()):
        return "unset"
    if isinstance(default, bool):
        return "on" if default else "off"
    return ",".join(default) if isinstance(default, tuple) else str(default)


def test_every_header_of_our_own_is_in_the_reference() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "app" / "api").glob("*.py"))
    names = set(re.findall(r'"((?:x-reelgate|openai)-[a-z-]+)"', sources))
    assert {"x-reelgate-provider", "x-reelgate-model", "openai-poll-after-ms"} <= names
    assert [name for name in sorted(names) if f"`{name}`" not in (ROOT / "docs" / "api.md").read_text()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_names_only_settings_metrics_and_routes_that_exist(page: Path) -> None:
    text = page.read_text()
    settings = {variable(name) for name in Settings.model_fields} | OF_COMMANDS
    assert set(re.findall(r"\bREELGATE_[A-Z_]*[A-Z]\b", text)) <= settings
    metrics = {name for name, *_ in table("docs/metrics.md", "What there is")}
    assert set(re.findall(r"`(reelgate_[a-z_]+)`", text)) <= metrics
    # The other pages name other systems' routes.
    if page.parent in (ROOT, ROOT / "docs") and page.stem != "provider-requests":
        routes = {(method, _plain_path(path)) for method, path, _ in table("docs/api.md", "Routes")}
        named = re.findall(r"`(GET|HEAD|POST|PATCH|DELETE) (?:https?://[^/`]+)?(/v1[^`? ]*)", text)
        assert {(method, _plain_path(path)) for method, path in named} <= routes


def _plain_path(path: str) -> str:
    """Give every parameter of a path the same name, whatever a page calls it or gives it."""
    return re.sub(r"\{[^}]*\}|\b(?:video|key|sub)_…", "{}", path.rstrip("/").replace("/openai", ""))
