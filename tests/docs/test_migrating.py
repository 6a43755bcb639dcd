"""The pages for those who come from elsewhere have every field of theirs, and name only what exists here."""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from openai.types import VideoCreateParams

from app.domain import catalogue
from app.domain.errors import ERRORS
from app.domain.jobs import FAILURES
from app.domain.requests import FILE_FIELDS, SCALAR_FIELDS
from tests.docs.test_documented import table
from tests.docs.test_provider_table import FIELDS
from tests.sdk.install import NODE, PYTHON_VERSIONS
from tests.upstreams.aimlapi_models import MODELS
from tests.upstreams.fal_models import ENDPOINTS

if TYPE_CHECKING:
    from tests.serving import Running

PAGES = {path.stem: path for path in (Path(__file__).parents[2] / "docs" / "migrating").glob("*.md")}
GROK = {name: endpoint for name, endpoint in ENDPOINTS.items() if name.startswith("xai/")}
OURS = SCALAR_FIELDS | FILE_FIELDS | {"metadata", "characters"}
THEIRS = {
    "openai": set(VideoCreateParams.__annotations__),
    "lumenfall": FIELDS["004"],
    "fal": {field for endpoint in GROK.values() for field in endpoint.fields},
    "aimlapi": {field for model in MODELS if "grok" in model.id for field in model.fields} | {"model"},
}


def rows(page: str, heading: str) -> list[list[str]]:
    return table(f"docs/migrating/{page}.md", heading)


def fields(page: str) -> list[list[str]]:
    return rows(page, "Fields of a create") or rows(page, "Fields")


def names(cell: str) -> set[str]:
    return set(re.findall(r"[a-z][a-z0-9_]*", " ".join(re.findall(r"`([a-z][a-z0-9_]*)`", f"`{cell}`"))))


@pytest.mark.parametrize("page", sorted(THEIRS))
def test_every_field_of_theirs_has_a_row(page: str) -> None:
    told = {name for theirs, *_ in fields(page) for name in names(theirs)}
    assert THEIRS[page] - told == set()


@pytest.mark.parametrize("page", sorted(THEIRS))
def test_what_a_field_becomes_is_a_field_of_ours(page: str) -> None:
    for theirs, ours, *_ in fields(page):
        if not ours.startswith(("the same", "leave it out")):
            assert names(ours), theirs
            assert names(ours) <= OURS, theirs


def test_the_versions_that_the_page_calls_tested_are() -> None:
    node = json.loads((NODE / "package.json").read_text())["dependencies"]["openai"]
    line = PAGES["openai"].read_text().partition("\nTested: ")[2].partition("\n")[0]
    told = re.findall(r"\d+\.\d+\.\d+", line)
    assert told == [*PYTHON_VERSIONS, version("openai"), node]


@pytest.mark.parametrize("page", sorted(set(THEIRS) - {"openai"}))
def test_what_an_error_becomes_is_a_code_of_ours(page: str) -> None:
    told = {code for _, ours in rows(page, "Errors") for code in re.findall(r"\b[a-z]+_[a-z_]+\b", ours)} - {"param"}
    assert told
    assert told <= {*ERRORS, *FAILURES}


def test_every_grok_endpoint_of_fal_has_a_row_with_its_model() -> None:
    told = [(theirs.removesuffix("…"), ours) for theirs, ours, *_ in rows("fal", "Endpoints")]
    for model in catalogue.builtin().models.values():
        offering = model.offerings.get("fal")
        for mode in offering.modes.values() if offering else ():
            matching = [row for row in told if mode.endpoint.startswith(row[0])]
            if mode.endpoint.startswith("xai/"):
                assert max(matching, key=lambda row: len(row[0]))[1] == model.id, mode.endpoint


@pytest.mark.parametrize(
    ("model", "arguments"),
    [
        ("fal/grok-imagine-video", {"duration": 6, "aspect_ratio": "16:9", "resolution": "720p"}),
        ("aimlapi/grok-imagine-video", {"duration": 10, "aspect_ratio": "1:1", "resolution": "480p"}),
        ("sora-2", {"seconds": "8", "size": "720x1280"}),
        ("grok-imagine-video", {"seconds": 5, "size": "1365x768"}),
    ],
)
def test_their_fields_are_taken_as_they_are(model: str, arguments: dict[str, Any], gateway: Running) -> None:
    asked = {"prompt": "a paper boat", "model": model.rpartition("/")[2], **arguments}
    answer = gateway.http.post("/openai/v1/videos?dryRun=true", json=asked)
    assert answer.status_code == 200, answer.text
    assert {each["param"] for each in answer.json()["warnings"]} <= {"size"}
