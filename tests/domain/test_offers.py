"""Offers survive being written down."""

from __future__ import annotations

from app.domain.catalogue import Wire
from app.domain.offers import Offer, dump, load


def test_an_offer_reads_back_as_it_was_written() -> None:
    offer = Offer("fal", "veo", "fal-ai/veo", "16:9", "720p", 8, Wire(seconds_as="suffixed", sends_auto=True), 420_000)
    assert load(dump([offer])) == [offer]
