"""Offers survive being written down."""

from __future__ import annotations

import pytest

from app.domain.modes import VideoLimits, Wire
from app.domain.offers import Offer, dump, load


def test_an_offer_reads_back_as_it_was_written() -> None:
    offer = Offer("fal", "veo", "fal-ai/veo", "16:9", "720p", 8, Wire(seconds_as="suffixed", sends_auto=True), 420_000)
    assert load(dump([offer])) == [offer]


@pytest.mark.parametrize(
    ("limits", "tail", "source", "words"),
    [
        (None, None, 99.0, None),
        (VideoLimits(max_seconds=8.7), None, 8.75, None),
        (VideoLimits(max_seconds=8.7), None, 12.0, "lasts 12.0 s; 0 to 8.7 s"),
        (VideoLimits(min_seconds=2, max_seconds=15, max_total_seconds=15), 6, 1.0, "2 to 15 s are accepted"),
        (VideoLimits(min_seconds=2, max_seconds=15, max_total_seconds=15), 6, 9.04, None),
        (VideoLimits(min_seconds=2, max_seconds=15, max_total_seconds=15), 6, 12.0, "with 6 s more it is over 15 s"),
    ],
)
def test_an_input_video_that_does_not_fit_is_refused(
    limits: VideoLimits | None, tail: int | None, source: float, words: str | None
) -> None:
    offer = Offer("fal", "m", "e", "auto", "auto", tail, Wire(), None, limits)
    problem = offer.refuses(source)
    assert problem is None if words is None else words in (problem or "")
