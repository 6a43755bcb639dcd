"""A database that cannot write: creates are refused and say so, reads go on, and nobody has to help it back."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.serving import Running


@pytest.mark.thorough  # it waits for SQLite's own patience with another writer, 10 s
def test_a_create_that_cannot_be_written_down_is_refused_and_works_again_later(
    start_gateway: Callable[..., Running],
) -> None:
    gateway = start_gateway()
    known = gateway.finished()
    with closing(sqlite3.connect(gateway.data_dir / "reelgate.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = gateway.http.post("/v1/videos", json={"prompt": "a calm sea"})
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "storage_unavailable"
        assert int(answer.headers["retry-after"]) > 0
        assert gateway.http.get(f"/v1/videos/{known['id']}").json()["status"] == "completed"
        other.execute("ROLLBACK")
    assert gateway.finished()["status"] == "completed"
    assert len(gateway.http.get("/v1/videos").json()["data"]) == 2
