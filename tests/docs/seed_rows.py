"""The reference pages of the five systems, parameter by parameter: what to ask for, and what must leave.

000, 001, 002: fal's pages of Grok Imagine image-to-video, text-to-video and 1.5 image-to-video. 003: AI/ML API's page
of grok-imagine-video. 004: Lumenfall's page, whose parameters are the gateway's own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.docs.provider_requests import PROMPT, SOURCE, Request

GROK = "grok-imagine-video"
LINK = "https://93.184.216.34/boat.png"  # an address that is looked up without a network
MOVIE = "https://93.184.216.34/clip.mp4"
_RATIOS = ("16:9", "4:3", "3:2", "1:1", "2:3", "3:4", "9:16")
ABSENT = object()


@dataclass(frozen=True)
class Row:
    """A parameter at one value; `expected` are fields of what left."""

    parameter: str
    request: Request
    expected: dict[str, Any]
    model: str | None = None
    fields: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "fields", tuple(self.expected))

    def check(self, body: dict[str, Any]) -> None:
        """Assert that the right thing left, with its type."""
        for name, wanted in self.expected.items():
            found = body.get(name, ABSENT)
            assert found == wanted and type(found) is type(wanted), f"{self.parameter}: {name} is {found!r}"  # noqa: PT018


@dataclass(frozen=True)
class Seed:
    """A page: its rows, and the fields that its system takes (a row must exist for each)."""

    title: str
    provider: str
    model: str
    rows: list[Row]


def _row(parameter: str, asked: dict[str, Any], **expected: Any) -> Row:
    return Row(parameter, Request(asked), expected)


def _fal(base: dict[str, Any], ratios: tuple[str, ...], auto: object) -> list[Row]:
    rows = [_row("prompt", base, prompt=PROMPT), _row("duration (default)", base, duration=6)]
    rows += [_row("duration", {**base, "duration": number}, duration=number) for number in (1, 6, 15)]
    rows += [_row("resolution", {**base, "resolution": tier}, resolution=tier) for tier in ("480p", "720p")]
    rows.append(_row("resolution (default)", base, resolution="720p"))
    rows += [_row("aspect_ratio", {**base, "aspect_ratio": ratio}, aspect_ratio=ratio) for ratio in ratios]
    rows.append(_row("aspect_ratio (default)", base, aspect_ratio=auto))
    return rows


_IMAGE = {"image_url": LINK}
_IMAGE_ROW = _row("image_url", _IMAGE, image_url=LINK)
_REFERENCES = [f"https://93.184.216.34/{number}.png" for number in range(7)]
_SIZES = {
    "1365x768": "16:9",
    "768x1365": "9:16",
    "1254x836": "3:2",
    "836x1254": "2:3",
    "887x1182": "3:4",
    "1024x1024": "1:1",
    "1183x887": "4:3",
}

SEEDS = [
    Seed(
        "000: fal, xai/grok-imagine-video/image-to-video",
        "fal",
        GROK,
        [
            _IMAGE_ROW,
            *_fal(_IMAGE, _RATIOS, "auto"),
            _row("aspect_ratio", {**_IMAGE, "aspect_ratio": "auto"}, aspect_ratio="auto"),
        ],
    ),
    Seed("001: fal, xai/grok-imagine-video/text-to-video", "fal", GROK, _fal({}, _RATIOS, "16:9")),
    Seed(
        "002: fal, xai/grok-imagine-video/v1.5/image-to-video",
        "fal",
        f"{GROK}-1.5",
        [_IMAGE_ROW, *_fal(_IMAGE, (), ABSENT)],
    ),
    Seed(
        "003: AI/ML API, x-ai/grok-imagine-video",
        "aimlapi",
        GROK,
        [
            _row("model", {}, model="x-ai/grok-imagine-video"),
            _row("prompt", {}, prompt=PROMPT),
            _row("image_url", _IMAGE, image_url=LINK, reference_images=ABSENT),
            _row("reference_images (1)", {"reference_images": _REFERENCES[:1]}, reference_images=_REFERENCES[:1]),
            _row(
                "reference_images (7)",
                {"reference_images": _REFERENCES},
                reference_images=_REFERENCES,
                image_url=ABSENT,
            ),
            _row("duration (always sent)", {}, duration=6),
            *(_row("duration", {"duration": number}, duration=number) for number in (1, 10, 15)),
            *(_row("aspect_ratio", {"aspect_ratio": ratio}, aspect_ratio=ratio) for ratio in _RATIOS),
            *(_row("resolution", {"resolution": tier}, resolution=tier) for tier in ("480p", "720p")),
        ],
    ),
    Seed(
        "004: Lumenfall's parameters, at fal",
        "fal",
        GROK,
        [
            _row("prompt", {}, prompt=PROMPT),
            _row("duration", {"duration": 8}, duration=8),
            _row("size (auto)", {"size": "auto"}, aspect_ratio="16:9", resolution="720p"),
            *(_row("size", {"size": s}, aspect_ratio=ratio, resolution="720p") for s, ratio in _SIZES.items()),
            _row("size (W:H)", {"size": "9:16"}, aspect_ratio="9:16", resolution="720p"),
            _row(
                "size beats aspect_ratio and resolution",
                {"size": "1024x1024", "aspect_ratio": "9:16", "resolution": "480p"},
                aspect_ratio="1:1",
                resolution="720p",
            ),
            _row("aspect_ratio (auto)", {"aspect_ratio": "auto"}, aspect_ratio="16:9"),
            *(_row("aspect_ratio", {"aspect_ratio": r}, aspect_ratio=r) for r in reversed(_RATIOS)),
            _row("aspect_ratio (any)", {"aspect_ratio": "7:1"}, aspect_ratio="16:9"),
            _row("resolution (auto)", {"resolution": "auto"}, resolution="720p"),
            *(_row("resolution", {"resolution": tier}, resolution="720p") for tier in ("1K", "4K", "1")),
            _row("resolution", {"resolution": "0.25"}, resolution="480p"),
            *(
                _row(
                    "aspect_ratio and resolution",
                    {"aspect_ratio": r, "resolution": "1K"},
                    aspect_ratio=r,
                    resolution="720p",
                )
                for r in _SIZES.values()
            ),
            _row("n", {"n": 1}, n=ABSENT),
            _row("input_reference", {"input_reference": [LINK]}, image_url=LINK),
            _row(
                "input_reference (several)", {"input_reference": _REFERENCES[:2]}, reference_image_urls=_REFERENCES[:2]
            ),
            _row("input_video", {"input_video": MOVIE}, video_url=MOVIE),
            Row("input_video (file)", Request({}, (("input_video", ("clip.mp4", SOURCE)),)), {"prompt": PROMPT}),
        ],
    ),
]
