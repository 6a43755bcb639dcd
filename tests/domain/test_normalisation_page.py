"""docs/normalisation.md says what the code does: its tables and its example are computed again here."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias, get_args, get_type_hints

import pytest

from app.domain.catalogue import Mode, ModeSpec
from app.domain.errors import GatewayError
from app.domain.formats import frame_size, parse_ratio, parse_tier
from app.domain.sizing import Asked, ParameterWarning, normalise
from tests.domain.specs import CATALOGUE, LITE, SEVEN, V1, V15, spec_of

PAGE = Path(__file__).parents[2].joinpath("docs", "normalisation.md").read_text(encoding="utf-8")
Row: TypeAlias = dict[str, str]


def tables() -> dict[str, list[Row]]:
    """Give every table of the page by its header line."""
    found: dict[str, list[Row]] = {}
    for block in PAGE.split("\n\n"):
        lines = [line for line in block.splitlines() if line.startswith("| ")]
        if len(lines) > 1:
            head, *rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
            found[", ".join(head)] = [dict(zip(head, row, strict=True)) for row in rows]
    return found


TABLES = tables()
GROK = {name: CATALOGUE.models[name] for name in (V1, V15, LITE)}  # the page's examples; docs/models.md lists the rest


def own(model: str, mode: Mode = Mode.TEXT) -> ModeSpec:
    return CATALOGUE.models[model].modes[mode]


def resolutions(spec: ModeSpec) -> str:
    return ", ".join(spec.resolutions) or "-"


def seconds(spec: ModeSpec) -> str:
    if spec.seconds is None:
        return "-"
    offered = ", ".join(map(str, spec.seconds.values)) or f"{spec.seconds.min} to {spec.seconds.max}"
    return f"{offered}; default {spec.seconds.default}"


def ratios(spec: ModeSpec) -> str:
    return "all" if spec.ratios else "-"


def test_the_table_of_frames_is_complete_and_right() -> None:
    rows = TABLES["ratio, 480p, 720p, 1080p"]
    expected = []
    for ratio in SEVEN:
        frames = {tier: frame_size(tier, parse_ratio(ratio)) for tier in ("480p", "720p", "1080p")}
        expected.append({"ratio": ratio, **{tier: f"{width}x{height}" for tier, (width, height) in frames.items()}})
    assert rows == expected
    assert {spec.ratios for model in GROK.values() for spec in model.modes.values()} == {SEVEN, ()}


def test_the_table_of_modes_is_complete_and_right() -> None:
    assert TABLES["model, mode, ratio, default ratio, resolutions, default resolution, seconds"] == [
        {
            "model": model.id,
            "mode": mode.value,
            "ratio": ratios(spec),
            "default ratio": spec.default_ratio,
            "resolutions": resolutions(spec),
            "default resolution": spec.default_resolution,
            "seconds": seconds(spec),
        }
        for model in GROK.values()
        for mode, spec in model.modes.items()
    ]


def test_the_table_of_providers_that_take_less_is_complete_and_right() -> None:
    expected = []
    for model in CATALOGUE.models.values():
        for provider, offering in model.offerings.items():
            for mode, spec in offering.modes.items():
                row = {"ratio": ratios(spec), "resolutions": resolutions(spec), "seconds": seconds(spec)}
                mine = model.modes[mode]
                if row != {"ratio": ratios(mine), "resolutions": resolutions(mine), "seconds": seconds(mine)}:
                    expected.append({"provider": provider, "model": model.id, "mode": mode.value, **row})
                else:
                    assert (spec.ratios, spec.default_ratio) == (mine.ratios, mine.default_ratio)
    assert TABLES["provider, model, mode, ratio, resolutions, seconds"] == expected


@pytest.mark.parametrize("model", GROK)
def test_the_table_of_sizes_is_right_for_every_model(model: str) -> None:
    rows = TABLES[", ".join(["size", *GROK])]
    assert len(rows) == 15
    for row in rows:
        assert normalise(Asked(size=row["size"]), own(model)).size == row[model]


def test_the_table_of_scales_is_right() -> None:
    for row in TABLES["resolution, pixels, grok-imagine-video, grok-imagine-video-1.5"]:
        amount, unit = parse_tier(row["resolution"])
        width, height = frame_size(row["resolution"], parse_ratio("16:9"))
        assert int(row["pixels"]) == (width * height if unit == "p" else amount)
        for model in ("grok-imagine-video", "grok-imagine-video-1.5"):
            assert normalise(Asked(resolution=row["resolution"]), own(model)).resolution == row[model]


def test_the_table_of_shapes_is_right() -> None:
    for row in TABLES["aspect ratio, used"]:
        for model in GROK:
            assert normalise(Asked(aspect_ratio=row["aspect ratio"]), own(model)).ratio == row["used"]


def test_the_table_of_lengths_is_right() -> None:
    for row in TABLES["seconds, text-to-video, reference-to-video, extend"]:
        for mode in (Mode.TEXT, Mode.REFERENCE, Mode.EXTEND):
            assert normalise(Asked(seconds=row["seconds"]), own(V1, mode)).seconds == int(row[mode.value])


def test_the_table_of_warnings_has_every_code() -> None:
    codes = get_args(get_type_hints(ParameterWarning)["code"])
    assert [row["code"].strip("`") for row in TABLES["code, means"]] == list(codes)


def test_the_example_of_a_warning_is_a_real_one() -> None:
    example = json.loads(PAGE.partition("```json\n")[2].partition("```")[0])
    (warning,) = normalise(Asked(seconds="6.5"), own(V1)).warnings
    assert asdict(warning) == example


def test_every_form_the_page_offers_is_taken() -> None:
    rows = TABLES["field, forms"]
    assert [row["field"] for row in rows] == ["`size`", "`aspect_ratio`", "`resolution`", "`seconds`, `duration`"]
    for row in rows:
        field = row["field"].split("`")[1]
        for form in row["forms"].split("`")[1::2]:
            asked: dict[str, Any] = {field: form.strip('"').replace("N", "900")}
            normalise(Asked(**asked), spec_of(V1))


@pytest.mark.parametrize("asked", [Asked(size="big"), Asked(aspect_ratio="0:1")])
def test_what_the_page_calls_malformed_is_refused(asked: Asked) -> None:
    with pytest.raises(GatewayError):
        normalise(asked, spec_of(V1))


@pytest.mark.parametrize("text", ["soon", "0", "-1"])
def test_the_seconds_that_the_page_calls_malformed_are_refused(text: str) -> None:
    assert f"`{text}`" in PAGE
    with pytest.raises(GatewayError):
        normalise(Asked(seconds=text), spec_of(V1))


def test_no_table_is_left_unchecked() -> None:
    assert len(TABLES) == 9
