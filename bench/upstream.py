"""An upstream that costs almost nothing: xAI's two calls over plain asyncio, and when each job was asked after.

`python -m bench.upstream` prints its port. Jobs never end; GET /gaps tells the seconds between two polls of one job. It
has OpenAI's two calls as well, for gateways that cannot speak xAI's.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import defaultdict

_HEAD = b"HTTP/1.1 %d OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
_OPENAI, _OPENAI_ID = "/v1/videos", "video_"


class Upstream:
    """Takes every job and says that it is pending."""

    def __init__(self) -> None:
        self._jobs = 0
        self._polled: dict[str, float] = {}
        self._gaps: dict[str, list[float]] = defaultdict(list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection's requests."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                method, path, _ = head.split(" ", 2)
                stated = head.lower().partition("content-length:")[2].partition("\r\n")[0]
                await reader.readexactly(int(stated or 0))
                body = json.dumps(self._answer(method, path)).encode()
                writer.write(_HEAD % (200, len(body)) + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _answer(self, method: str, path: str) -> object:
        if method == "POST":
            self._jobs += 1
            if path == _OPENAI:
                return _video(f"{_OPENAI_ID}{self._jobs}")
            return {"request_id": f"req-{self._jobs}"}
        if path == "/gaps":
            return [gap for gaps in self._gaps.values() for gap in gaps]
        if path == "/reset":
            self._gaps.clear()
            return {}
        now, job = time.monotonic(), path.rpartition("/")[2]
        if job in self._polled:
            self._gaps[job].append(now - self._polled[job])
        self._polled[job] = now
        if job.startswith(_OPENAI_ID):
            return _video(job)
        return {"status": "pending", "progress": 10}


def _video(video_id: str) -> object:
    """Return a video of OpenAI's that is being made."""
    return {
        "id": video_id,
        "object": "video",
        "model": "sora-2",
        "status": "in_progress",
        "progress": 10,
        "created_at": 1_800_000_000,
        "seconds": "4",
        "size": "1280x720",
    }


async def main() -> None:
    """Listen until killed."""
    server = await asyncio.start_server(Upstream().serve, "127.0.0.1", 0, backlog=1000)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
