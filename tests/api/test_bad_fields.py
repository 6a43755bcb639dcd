"""Fields of a create request that are malformed, out of range or unknown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.api.refusals import JSON, check_refusal, file, nothing_left, post_parts, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from tests.serving import Running


@pytest.fixture(autouse=True)
def _nothing_left(gateway: Running) -> Iterator[None]:
    with nothing_left(gateway):
        yield


def create(gateway: Running, **fields: object) -> httpx.Response:
    return gateway.http.post("/v1/videos", content=json.dumps({"prompt": "a calm sea", **fields}), headers=JSON)


@pytest.mark.parametrize(("prompt", "said"), [(None, "Missing required parameter"), ("", "The prompt is empty")])
def test_a_missing_or_empty_prompt_is_missing(gateway: Running, prompt: object, said: str) -> None:
    answer = create(gateway, prompt=prompt)
    check_refusal(answer, 400, "missing_required_parameter", "prompt", "prompt")
    assert answer.json()["error"]["message"].startswith(said)


@pytest.mark.parametrize(
    "prompt", [" ", "\n\t\r ", "\u3000\u2003", 5, 1.5, True, [], ["x"], {}, {"text": "x"}], ids=repr
)
def test_a_prompt_that_is_blank_or_no_string_is_malformed(gateway: Running, prompt: object) -> None:
    check_refusal(create(gateway, prompt=prompt), 400, "invalid_value", "prompt", "prompt")


@pytest.mark.parametrize(("length", "limit"), [(33_000, "32000"), (5000, "4096"), (4_000_000, "32000")])
def test_a_prompt_that_is_too_long_names_the_limit_it_broke(gateway: Running, length: int, limit: str) -> None:
    check_refusal(create(gateway, prompt="x" * length), 400, "invalid_value", "prompt", str(length), limit)


@pytest.mark.parametrize(
    "n",
    [
        0,
        -1,
        11,
        10**9,
        1.5,
        -0.5,
        1e300,
        True,
        False,
        "two",
        "1.5",
        "-1",
        "0",
        [],
        [1],
        {},
        "9" * 20,
        "\u00b2",
        "\u0661",
        " ",
    ],
    ids=repr,
)
def test_n_takes_whole_numbers_from_1_to_10_only(gateway: Running, n: object) -> None:
    check_refusal(create(gateway, n=n), 400, "invalid_value", "n", "1 to 10")


@pytest.mark.parametrize("param", ["seconds", "duration"])
@pytest.mark.parametrize(
    "value",
    [0, -1, -0.0, "soon", "6 seconds", "6m", "s", "1e3", "0x10", "NaN", "inf", "1_000", " ", "6;7", "٦", 1e300, 1e-300],
    ids=repr,
)
def test_seconds_that_are_no_positive_number_are_malformed(gateway: Running, param: str, value: object) -> None:
    check_refusal(create(gateway, **{param: value}), 400, "invalid_value", param, "positive number of seconds")


@pytest.mark.parametrize(
    "value",
    ["big", "x", "1280x", "x720", "0x720", "1280x0", "-1280x720", "1280x720x3", "1280.5x720", "1e3x720", ":", "16:",
     ":9", "0:1", "1:0", "-16:9", "16:9:1", "16/9", "NaN:1", "1280\u00d7720", "1" * 30 + "x720", " ", 0, 1280, -1.5],
    ids=repr,
)  # fmt: skip
def test_a_size_that_is_neither_pixels_nor_a_ratio_is_malformed(gateway: Running, value: object) -> None:
    check_refusal(create(gateway, size=value), 400, "invalid_value", "size", '"1280x720"', '"16:9"')


@pytest.mark.parametrize(
    "value",
    ["wide", "1280x720", ":", "0:1", "1:0", "-1:1", "16:9:1", "16/9", "1e1:1", "inf:1", " ", 1.78, -1],
    ids=repr,
)
def test_an_aspect_ratio_that_is_no_ratio_is_malformed(gateway: Running, value: object) -> None:
    check_refusal(create(gateway, aspect_ratio=value), 400, "invalid_value", "aspect_ratio", '"16:9"')


@pytest.mark.parametrize(
    "value",
    ["high", "p", "0p", "-480p", "480.5p", "480i", "K", "0K", "1M", "1e3", "x1080", " ", 0, -1, 1e300],
    ids=repr,
)
def test_a_resolution_that_is_no_tier_is_malformed(gateway: Running, value: object) -> None:
    check_refusal(create(gateway, resolution=value), 400, "invalid_value", "resolution", '"720p"', '"1K"')


@pytest.mark.parametrize("param", ["seconds", "size", "aspect_ratio", "resolution"])
@pytest.mark.parametrize("value", [True, False, [], [6], {}, {"value": 6}], ids=repr)
def test_a_measure_that_is_no_string_or_number_is_malformed(gateway: Running, param: str, value: object) -> None:
    check_refusal(create(gateway, **{param: value}), 400, "invalid_value", param, "expected a string or a number")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("grok-imagin-video", ["Did you mean", "'grok-imagine-video'"]),
        ("SORA2", ["Did you mean", "'sora-2'"]),
        ("zzz", ["Known models", "grok-imagine-video"]),
        ("nobody/grok-imagine-video", ["not found"]),
        ("local/", ["not found"]),
        ("/", ["not found"]),
        ("../../etc/passwd", ["not found"]),
        ("x" * 256, ["not found"]),
        ("\u202e\x07", ["not found"]),
    ],
    ids=repr,
)
def test_an_unknown_model_or_provider_is_not_found(gateway: Running, model: str, words: list[str]) -> None:
    check_refusal(create(gateway, model=model), 404, "model_not_found", "model", *words)


def test_a_known_provider_without_a_key_says_so_and_asks_for_no_retry(gateway: Running) -> None:
    answer = create(gateway, model="fal/grok-imagine-video")
    check_refusal(answer, 503, "no_provider_configured", "model", "Configured: local")
    assert answer.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("value", [5, True, [], {}, ["x"]], ids=repr)
@pytest.mark.parametrize("param", ["model", "user", "webhook_url", "idempotency_key"])
def test_a_text_field_that_is_no_string_is_malformed(gateway: Running, param: str, value: object) -> None:
    check_refusal(create(gateway, **{param: value}), 400, "invalid_value", param, "expected a string")


@pytest.mark.parametrize(
    ("param", "limit"), [("model", 256), ("user", 512), ("webhook_url", 2048), ("idempotency_key", 256)]
)
def test_a_text_field_that_is_too_long_names_its_limit(gateway: Running, param: str, limit: int) -> None:
    check_refusal(create(gateway, **{param: "x" * (limit + 1)}), 400, "invalid_value", param, str(limit))


@pytest.mark.parametrize("key", ["", '""', "k" * 257, '"' + "k" * 257 + '"'], ids=lambda key: key[:20])
def test_an_idempotency_key_header_that_is_empty_or_too_long_is_refused(gateway: Running, key: str) -> None:
    answer = gateway.http.post("/v1/videos", json={"prompt": "x"}, headers={"idempotency-key": key})
    check_refusal(answer, 400, "invalid_value", "Idempotency-Key", "256")


@pytest.mark.parametrize(
    ("metadata", "param"),
    [
        ("x", "metadata"),
        (5, "metadata"),
        ([], "metadata"),
        ([["a", "b"]], "metadata"),
        (True, "metadata"),
        ({f"k{number}": "v" for number in range(17)}, "metadata"),
        ({"k" * 65: "v"}, "metadata"),
        ({"k": "v" * 513}, "metadata.k"),
        ({"k": None}, "metadata.k"),
        ({"k": {}}, "metadata.k"),
        ({"k": ["v"]}, "metadata.k"),
        ({"provider": "x"}, "metadata.provider"),
        ({"cost": "0"}, "metadata.cost"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_metadata_outside_its_limits_is_refused(gateway: Running, metadata: object, param: str) -> None:
    check_refusal(create(gateway, metadata=metadata), 400, "invalid_value", param, "metadata")


@pytest.mark.parametrize("strict", ["maybe", "yes", 1, 0, 2, [], {}, "truefalse"], ids=repr)
def test_strict_takes_true_and_false_only(gateway: Running, strict: object) -> None:
    check_refusal(create(gateway, strict=strict), 400, "invalid_value", "strict", "true or false")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"seconds": 99}, "seconds"),
        ({"size": "1000x1000"}, "size"),
        ({"aspect_ratio": "7:1"}, "aspect_ratio"),
        ({"resolution": "4K"}, "resolution"),
    ],
    ids=repr,
)
def test_strict_refuses_what_would_be_converted_and_names_what_is_supported(
    gateway: Running, fields: dict[str, object], param: str
) -> None:
    check_refusal(create(gateway, strict=True, **fields), 400, "unsupported_value", param, "Nearest", "Supported")


@pytest.mark.parametrize("characters", [5, {"id": 5}, [5], [{}], [{"id": None}], [["x"]], True, {}], ids=repr)
def test_characters_that_name_no_id_are_malformed(gateway: Running, characters: object) -> None:
    check_refusal(create(gateway, characters=characters), 400, "invalid_value", "characters", "id")


@pytest.mark.parametrize("name", ["prompt", "n", "seconds", "size", "metadata", "strict", "model"])
def test_multipart_text_is_held_to_the_same_rules(gateway: Running, name: str) -> None:
    bad = " " if name == "prompt" else "@@@"
    prompt = [] if name == "prompt" else [text("prompt", "x")]
    answer = post_parts(gateway, *prompt, text(name, bad))
    if name == "model":
        check_refusal(answer, 404, "model_not_found", "model")
    else:
        check_refusal(answer, 400, "invalid_value", name)


@pytest.mark.parametrize("length", [81, 100_000])
def test_a_character_name_has_80_characters_at_most(gateway: Running, length: int) -> None:
    parts = text("name", "x" * length), file("video", b"no video")
    answer = post_parts(gateway, *parts, path="/v1/videos/characters")
    check_refusal(answer, 400, "invalid_value", "name", "80")


def test_a_character_needs_a_name(gateway: Running) -> None:
    answer = post_parts(gateway, file("video", b"no video"), path="/v1/videos/characters")
    check_refusal(answer, 400, "missing_required_parameter", "name")


@pytest.mark.parametrize("purpose", ["x" * 65, "\x00"], ids=repr)
def test_a_purpose_is_a_short_word(gateway: Running, purpose: str) -> None:
    answer = post_parts(gateway, text("purpose", purpose), path="/v1/files")
    check_refusal(answer, 400, "invalid_value", "purpose", "purpose")


@pytest.mark.parametrize("path", ["/v1/videos", "/v1/videos?dryRun=true", "/v1/videos/edits"])
def test_strict_refuses_a_field_that_is_probably_misspelt_and_says_which_was_meant(gateway: Running, path: str) -> None:
    fields: dict[str, object] = {"prompt": "a calm sea", "aspectRatio": "1:1", "strict": True}
    if path.endswith("edits"):
        fields["video"] = "https://93.184.216.34/a.mp4"
    answer = gateway.http.post(path, json=fields)
    check_refusal(answer, 400, "unsupported_value", "aspectRatio", "did you mean aspect_ratio?", "strict")


def test_strict_takes_a_field_that_only_the_provider_knows(gateway: Running) -> None:
    fields = {"prompt": "a calm sea", "seed": 4, "image_urls": [], "negative_prompt": "rain", "strict": True}
    answer = gateway.http.post("/v1/videos?dryRun=true", json=fields)
    assert (answer.status_code, answer.json()["warnings"]) == (200, [])
