"""Data folders with many videos: copies of one that a gateway really made, put into the product's own tables."""

from __future__ import annotations

import asyncio
import secrets
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select

from app.db.sqlite import SqliteDatabase
from app.db.tables import OutputRow, VideoRow
from bench.processes import gateway

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncSession

_BATCH = 5000  # rows
_SECONDS_APART = 10.0


def fill(folder: Path, videos: int) -> str:
    """Make a data folder that has `videos` finished ones, and return the key of their owner."""
    with gateway(folder, REELGATE_PROVIDERS="local") as server:
        body = {"prompt": "a calm sea at dawn", "seconds": 1, "resolution": "480p"}
        made = server.http.post("/v1/videos", json=body).raise_for_status().json()
        while made["status"] in ("queued", "in_progress"):
            made = server.http.get(f"/v1/videos/{made['id']}", params={"wait": 30}).raise_for_status().json()
        if made["status"] != "completed":
            raise RuntimeError(f"the local provider failed: {made['error']}")
    asyncio.run(_copy(folder / "data" / "reelgate.sqlite3", videos - 1))
    return server.key


async def _copy(path: Path, times: int) -> None:
    database = SqliteDatabase(path)
    await database.start()
    try:
        async with database.read() as session:
            video = await _only(session, VideoRow)
            output = await _only(session, OutputRow)
        for first in range(0, times, _BATCH):
            count = min(_BATCH, times - first)
            await database.write(partial(_insert, video=video, output=output, count=count))
    finally:
        await database.close()


async def _only(session: AsyncSession, table: type[VideoRow | OutputRow]) -> dict[str, Any]:
    """Return the values of the only row."""
    return dict((await session.execute(select(table.__table__))).mappings().one())


async def _insert(session: AsyncSession, video: dict[str, Any], output: dict[str, Any], count: int) -> None:
    """Put copies in, each made a while before the one before it."""
    newest = time.time()
    ids = [f"video_{secrets.token_hex(16)}" for _ in range(count)]
    videos = [
        {**video, "id": video_id, "created_at": newest - number * _SECONDS_APART} for number, video_id in enumerate(ids)
    ]
    outputs = [{**output, "id": f"out_{secrets.token_hex(16)}", "video_id": video_id} for video_id in ids]
    await session.execute(insert(VideoRow), videos)
    await session.execute(insert(OutputRow), outputs)
