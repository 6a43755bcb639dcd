"""One gateway with three fake providers per file; every test finds the fakes well-behaved and unpaid."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.pitfalls.bench import Bench, bench
from tests.serving import Running, serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def shared_bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(tmp_path_factory.mktemp("bench")) as running:
        yield running


@pytest.fixture(name="bench")
def _bench(shared_bench: Bench) -> Bench:
    shared_bench.reset()
    return shared_bench


@pytest.fixture
def another(bench: Bench, tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Start a gateway of a test's own in front of the same fakes: `another(auth="on", …)`."""
    with ExitStack() as stack:
        yield lambda **changes: stack.enter_context(serve(bench.settings(tmp_path, **changes)))
