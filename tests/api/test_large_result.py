"""A result that is larger than the memory it may take, from the provider's first byte to the client's last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.large_video import measure

if TYPE_CHECKING:
    from pathlib import Path

SIZE = 300  # MiB
MOST = 128  # MiB more than at the start; the code that is loaded meanwhile and obstore's parts are half of it


@pytest.mark.thorough
@pytest.mark.timeout(300)
def test_a_large_result_passes_through_whole_and_in_ranges_with_flat_memory(tmp_path: Path) -> None:
    stored, whole, ranges = measure(SIZE << 20, tmp_path)
    assert stored.size >= SIZE << 20
    assert {stored.digest} == {whole.digest, ranges.digest}
    assert stored.size == whole.size == ranges.size
    for passage in (stored, whole, ranges):
        assert passage.memory.course
        assert passage.memory.tree - stored.memory.before < MOST, str(passage)
