"""One fake of fal for a file, and a clean bench for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.providers.fal.bench import Bench, serve

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def served() -> Iterator[Bench]:
    with serve() as bench:
        yield bench


@pytest.fixture
def bench(served: Bench) -> Bench:
    return served.fresh()
