"""Shape and scale: rules 1 to 4, 7 and 9 of docs/normalisation.md, case by case."""

from __future__ import annotations

import pytest

from app.domain.catalogue import Mode, ModeSpec
from app.domain.errors import GatewayError
from app.domain.formats import RATIO_FORMS, RESOLUTION_FORMS, SIZE_FORMS, frame_size, parse_ratio
from app.domain.sizing import Asked, normalise
from tests.domain.specs import EVERY_SPEC, LITE, SEVEN, V1, V15, codes, made, refused, spec_of, summary

LUMENFALL = {
    "1365x768": "16:9",
    "768x1365": "9:16",
    "1254x836": "3:2",
    "836x1254": "2:3",
    "887x1182": "3:4",
    "1024x1024": "1:1",
    "1183x887": "4:3",
}


@pytest.mark.parametrize(("size", "ratio"), LUMENFALL.items())
def test_lumenfalls_sizes_reach_their_ratio_at_720p_on_grok(size: str, ratio: str) -> None:
    found = normalise(Asked(size=size), spec_of(V1))
    assert (found.ratio, found.resolution) == (ratio, "720p")
    assert codes(found) == [("size", "converted")]


@pytest.mark.parametrize(
    ("size", "model", "used"),
    [
        ("720x1280", V1, "720x1280"),
        ("1280x720", V1, "1280x720"),
        ("1024x1792", V1, "720x1280"),
        ("1792x1024", V1, "1280x720"),
        ("720x1280", V15, "720x1280"),
        ("1280x720", V15, "1280x720"),
        ("1024x1792", V15, "1080x1920"),
        ("1792x1024", V15, "1920x1080"),
        ("1792x1024", LITE, "1920x1080"),
        ("1920x1080", V1, "1280x720"),
        ("1920x1080", V15, "1920x1080"),
    ],
)
def test_openais_sizes_find_their_frame(size: str, model: str, used: str) -> None:
    found = normalise(Asked(size=size), spec_of(model))
    assert found.size == used
    assert codes(found) == ([] if size == used else [("size", "converted")])


@pytest.mark.parametrize(
    ("asked", "ratios", "used"),
    [
        ("7:1", ("4:1", "8:1"), "8:1"),
        ("5.6:1", ("4:1", "8:1"), "4:1"),
        ("5.7:1", ("4:1", "8:1"), "8:1"),  # the border is the geometric mean, 5.657, and not 6
        ("1:7", ("1:4", "1:8"), "1:8"),
        ("1:1000000", SEVEN, "9:16"),
        ("2.39:1", SEVEN, "16:9"),
        ("1.6:1", SEVEN, "3:2"),
        ("32:18", SEVEN, "16:9"),
    ],
)
def test_a_shape_goes_to_the_nearest_ratio_by_its_logarithm(asked: str, ratios: tuple[str, ...], used: str) -> None:
    assert normalise(Asked(aspect_ratio=asked), made(ratios)).ratio == used


def test_the_same_ratio_in_other_numbers_is_no_conversion() -> None:
    assert normalise(Asked(aspect_ratio="32:18"), spec_of(V1)).warnings == ()


@pytest.mark.parametrize("spec", EVERY_SPEC)
def test_every_supported_frame_maps_to_itself_without_a_word(spec: ModeSpec) -> None:
    for tier in spec.resolutions:
        for ratio in spec.ratios:
            width, height = frame_size(tier, parse_ratio(ratio))
            found = normalise(Asked(size=f"{width}x{height}"), spec, strict=True)
            assert (found.ratio, found.resolution, found.warnings) == (ratio, tier, ())


def test_a_square_of_1024_equals_one_to_one_with_1k() -> None:
    for model in (V1, V15):
        in_pixels = normalise(Asked(size="1024x1024"), spec_of(model))
        in_words = normalise(Asked(aspect_ratio="1:1", resolution="1K"), spec_of(model))
        assert summary(in_pixels) == summary(in_words)


@pytest.mark.parametrize(
    ("resolution", "model", "used"),
    [
        ("480p", V1, "480p"),
        ("720P", V1, "720p"),
        ("768P", V1, "720p"),
        ("1080p", V1, "720p"),
        ("144p", V1, "480p"),
        ("1K", V1, "720p"),
        ("0.5K", V1, "480p"),
        ("4K", V1, "720p"),
        ("0.25", V1, "480p"),
        ("1", V1, "720p"),
        ("768P", V15, "720p"),
        ("1080p", V15, "1080p"),
        ("2K", V15, "1080p"),
        ("1.5K", V15, "1080p"),
        ("1", V15, "720p"),
    ],
)
def test_a_scale_goes_to_the_nearest_tier_by_area(resolution: str, model: str, used: str) -> None:
    found = normalise(Asked(resolution=resolution), spec_of(model))
    assert (found.ratio, found.resolution) == ("16:9", used)
    assert codes(found) == ([] if resolution.lower() == used else [("resolution", "converted")])


def test_the_tier_is_measured_at_the_chosen_ratio() -> None:
    # 1,000,000 pixels: at 16:9 the tiers have 921,600 and 2,073,600; at 1:1 they have 518,400 and 1,166,400.
    spec = made(("16:9", "1:1"), ("720p", "1080p"))
    assert normalise(Asked(size="1333x750"), spec).size == "1280x720"
    assert normalise(Asked(size="1000x1000"), spec).size == "1080x1080"


@pytest.mark.parametrize(
    ("asked", "ratio", "resolution"),
    [
        (Asked(), "16:9", "720p"),
        (Asked(size="auto", aspect_ratio="auto", resolution="auto", seconds="auto"), "16:9", "720p"),
        (Asked(aspect_ratio="9:16"), "9:16", "720p"),
        (Asked(resolution="480p"), "16:9", "480p"),
        (Asked(aspect_ratio="1:1", resolution="480p"), "1:1", "480p"),
        (Asked(size="auto", aspect_ratio="1:1"), "1:1", "720p"),
        (Asked(size=" 1:1 "), "1:1", "720p"),
        (Asked(size="1:1", resolution="480p"), "1:1", "480p"),
    ],
)
def test_each_of_shape_and_scale_alone_leaves_the_other_at_its_default(
    asked: Asked, ratio: str, resolution: str
) -> None:
    found = normalise(asked, spec_of(V1))
    assert (found.ratio, found.resolution, found.seconds, found.warnings) == (ratio, resolution, 6, ())


def test_a_size_in_pixels_beats_the_other_two_and_says_so() -> None:
    found = normalise(Asked(size="1280x720", aspect_ratio="1:1", resolution="480p"), spec_of(V1))
    assert found.size == "1280x720"
    assert codes(found) == [("aspect_ratio", "ignored"), ("resolution", "ignored")]
    assert [warning.requested for warning in found.warnings] == ["1:1", "480p"]
    assert all("1280x720 takes precedence" in warning.message for warning in found.warnings)


def test_a_ratio_in_size_beats_the_aspect_ratio_and_leaves_the_resolution() -> None:
    found = normalise(Asked(size="1:1", aspect_ratio="16:9", resolution="480p"), spec_of(V1))
    assert (found.size, codes(found)) == ("480x480", [("aspect_ratio", "ignored")])


def test_a_ratio_in_size_is_converted_under_the_name_of_size() -> None:
    (warning,) = normalise(Asked(size="7:1"), spec_of(V1)).warnings
    assert (warning.param, warning.code, warning.requested, warning.used) == ("size", "converted", "7:1", "16:9")
    assert warning.message == "size 7:1 is not offered by this model; used 16:9."


def test_an_image_gives_its_shape_when_no_ratio_is_asked() -> None:
    found = normalise(Asked(), spec_of(V1, Mode.IMAGE))
    assert summary(found) == ("auto", "720p", "auto", 6)
    assert normalise(Asked(aspect_ratio="1:1"), spec_of(V1, Mode.IMAGE)).size == "720x720"


def test_an_asked_scale_without_a_shape_is_measured_at_sixteen_to_nine() -> None:
    # 1.2 megapixels are nearest to 720p at 16:9 (921,600 pixels) but to 1080p at 1:1 (1,166,400).
    spec = ModeSpec(resolutions=("720p", "1080p"), default_resolution="auto")
    assert normalise(Asked(resolution="1.2"), spec).resolution == "720p"
    square = made(("1:1",), ("720p", "1080p"))
    assert normalise(Asked(resolution="1.2"), square).resolution == "1080p"


def test_grok_1_5_drops_the_shape_of_image_to_video_with_a_warning() -> None:
    found = normalise(Asked(aspect_ratio="1:1", resolution="1080p"), spec_of(V15, Mode.IMAGE))
    assert summary(found) == ("auto", "1080p", "auto", 6)
    (warning,) = found.warnings
    assert (warning.param, warning.code, warning.requested, warning.used) == ("aspect_ratio", "ignored", "1:1", None)
    assert warning.message == "aspect_ratio cannot be chosen in this mode of this model; 1:1 ignored."


def test_grok_1_5_takes_the_scale_of_a_size_in_image_to_video() -> None:
    for size, tier in (("1024x1792", "1080p"), ("720x1280", "720p"), ("480x480", "480p"), ("1024x1024", "1080p")):
        found = normalise(Asked(size=size), spec_of(V15, Mode.IMAGE))
        assert (found.ratio, found.resolution, found.size) == ("auto", tier, "auto")
        assert [(w.param, w.code, w.used) for w in found.warnings] == [("size", "converted", tier)]


def test_an_edit_takes_a_resolution_and_nothing_else() -> None:
    asked = Asked(aspect_ratio="1:1", resolution="1080p", seconds="6")
    found = normalise(asked, spec_of(V1, Mode.EDIT))
    assert summary(found) == ("auto", "720p", "auto", None)
    assert codes(found) == [("aspect_ratio", "ignored"), ("resolution", "converted"), ("seconds", "ignored")]
    assert summary(normalise(Asked(), spec_of(V1, Mode.EDIT))) == ("auto", "auto", "auto", None)


@pytest.mark.parametrize("mode", [Mode.EDIT, Mode.EXTEND])
def test_nothing_of_the_frame_can_be_chosen_where_xai_keeps_the_sources(mode: Mode) -> None:
    spec = spec_of(V1, mode, "xai")
    found = normalise(Asked(size="1280x720"), spec)
    assert (found.size, codes(found)) == ("auto", [("size", "ignored")])
    found = normalise(Asked(aspect_ratio="1:1", resolution="480p"), spec)
    assert codes(found) == [("aspect_ratio", "ignored"), ("resolution", "ignored")]


def test_a_model_of_ratios_alone_takes_the_shape_of_a_size() -> None:
    found = normalise(Asked(size="1000x1100", seconds="2"), made(("16:9", "1:1"), ()))
    assert summary(found) == ("1:1", "auto", "auto", 2)
    assert [(warning.code, warning.used) for warning in found.warnings] == [("converted", "1:1")]


@pytest.mark.parametrize(
    ("asked", "forms"),
    [
        (Asked(size="big"), SIZE_FORMS),
        (Asked(size="0x720"), SIZE_FORMS),
        (Asked(size="720"), SIZE_FORMS),
        (Asked(size="720p"), SIZE_FORMS),
        (Asked(size="0:1"), SIZE_FORMS),
        (Asked(size=""), SIZE_FORMS),
        (Asked(aspect_ratio="0:1"), RATIO_FORMS),
        (Asked(aspect_ratio="wide"), RATIO_FORMS),
        (Asked(resolution="HD"), RESOLUTION_FORMS),
        (Asked(size="1280x720", aspect_ratio="wide"), RATIO_FORMS),
        (Asked(size="1280x720", resolution="HD"), RESOLUTION_FORMS),
    ],
)
def test_a_malformed_value_is_refused_with_its_field_and_the_accepted_forms(asked: Asked, forms: str) -> None:
    param = {SIZE_FORMS: "size", RATIO_FORMS: "aspect_ratio", RESOLUTION_FORMS: "resolution"}[forms]
    with pytest.raises(GatewayError) as error:
        normalise(asked, spec_of(V1))
    assert refused(error) == ("invalid_value", param)
    assert forms in error.value.message


def test_a_tie_of_tiers_goes_to_the_cheaper() -> None:
    # The geometric mean of 360p and 1440p at 1:1 is 720p: both are a factor of four away in area.
    for resolutions in (("360p", "1440p"), ("1440p", "360p")):
        for cheap, dear in (("360p", "1440p"), ("1440p", "360p")):
            spec = made(("1:1",), resolutions, {cheap: 0.1, dear: 0.4})
            assert normalise(Asked(resolution="720p"), spec).resolution == cheap
            assert normalise(Asked(size="720x720"), spec).resolution == cheap


def test_a_tie_of_tiers_at_one_price_goes_to_the_first_listed() -> None:
    for prices in ({"360p": 0.2, "1440p": 0.2}, None, {}):
        for first, second in (("360p", "1440p"), ("1440p", "360p")):
            spec = made(("1:1",), (first, second), prices)
            assert normalise(Asked(resolution="720p"), spec).resolution == first


def test_a_tier_without_a_price_counts_as_the_dearest_in_a_tie() -> None:
    spec = made(("1:1",), ("360p", "1440p", "90p"), {"1440p": 0.1, "90p": 0.4})
    assert normalise(Asked(resolution="720p"), spec).resolution == "1440p"


def test_a_tie_of_ratios_goes_to_the_one_whose_frame_is_cheaper() -> None:
    # 4:3 lies exactly between 1:1 and 16:9; 900,000 pixels are 1080p of a square but 720p of 16:9.
    for ratios in (("1:1", "16:9"), ("16:9", "1:1")):
        spec = made(ratios, ("720p", "1080p"), {"720p": 0.1, "1080p": 0.2})
        assert normalise(Asked(size="1100x825"), spec).size == "1280x720"


def test_a_tie_of_ratios_at_one_price_goes_to_the_first_listed() -> None:
    for ratios in (("1:1", "16:9"), ("16:9", "1:1")):
        assert normalise(Asked(aspect_ratio="4:3"), made(ratios)).ratio == ratios[0]


def test_a_dearer_but_nearer_tier_is_used() -> None:
    spec = made(("1:1",), ("360p", "1440p"), {"360p": 0.1, "1440p": 0.4})
    assert normalise(Asked(size="721x721"), spec).resolution == "1440p"
