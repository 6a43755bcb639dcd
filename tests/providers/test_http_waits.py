"""How long an answer asks to wait."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest

from app.providers.http import Reply

NOW = "Wed, 21 Oct 2026 07:28:00 GMT"


@pytest.mark.parametrize(
    ("wish", "seconds"),
    [
        ("Wed, 21 Oct 2026 07:28:40 GMT", 40),
        ("Wed, 21 Oct 2026 07:27:00 GMT", 0),
        ("Wed, 21 Oct 2026 09:28:00 GMT", 300),
        ("7", 7),
        ("soon", 5),
        ("Wed, 21 Oct 99999999999 07:28:00 GMT", 5),
    ],
)
def test_a_moment_is_read_by_the_providers_own_clock(wish: str, seconds: float) -> None:
    assert Reply(429, {"retry-after": wish, "date": NOW}).retry_after == seconds


def test_without_its_clock_ours_is_used() -> None:
    wish = formatdate(time.time() + 60, usegmt=True)
    assert Reply(429, {"retry-after": wish}).retry_after == pytest.approx(60, abs=5)
