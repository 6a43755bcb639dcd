"""docs/provider-requests.md is what a gateway really sends, and has every parameter of the reference pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.domain import catalogue
from tests.docs.provider_table import PAGE, TITLES, page
from tests.docs.seed_rows import SEEDS
from tests.pitfalls.bench import REAL, bench

if TYPE_CHECKING:
    from pathlib import Path

# The names of the tables and lists of the five pages.
FIELDS = {
    "000": {"prompt", "duration", "aspect_ratio", "resolution", "image_url"},
    "001": {"prompt", "duration", "aspect_ratio", "resolution"},
    "002": {"prompt", "duration", "resolution", "image_url"},
    "003": {"model", "prompt", "image_url", "reference_images", "duration", "aspect_ratio", "resolution"},
    "004": {"prompt", "duration", "size", "aspect_ratio", "resolution", "n", "input_reference", "input_video"},
}


@pytest.mark.thorough
@pytest.mark.timeout(300)
def test_the_page_is_what_a_gateway_really_sends(tmp_path: Path) -> None:
    with bench(tmp_path) as running:
        assert page(running) == PAGE.read_text(encoding="utf-8"), "run `make provider-table` and look at the difference"


def test_every_parameter_of_the_five_pages_has_a_row() -> None:
    assert [seed.title[:3] for seed in SEEDS] == list(FIELDS)
    for seed in SEEDS:
        assert {row.parameter.split(" ")[0] for row in seed.rows} >= FIELDS[seed.title[:3]], seed.title


def test_every_model_is_in_the_table_with_every_mode_and_provider() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for model in catalogue.builtin().models.values():
        for mode in model.modes:
            section = text.partition(f"## {model.id}, {mode}\n")[2].partition("\n## ")[0]
            offered = [name for name in REAL if name in model.offerings and mode in model.offerings[name].modes]
            rows = [row for row in section.splitlines() if "| `POST /" in row]
            assert [row.split(" | ")[0] for row in rows] == [f"| {TITLES[name]}" for name in offered], (model.id, mode)
