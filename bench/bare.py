"""The ceiling: a FastAPI app whose routes return a constant, on the gateway's own server and its settings.

`python -m bench.bare PORT [FILE]`; the file has the JSON to answer with. It is what FastAPI's tutorial would write.
"""

from __future__ import annotations

import json
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI

from app.cli.serve import listen, make_server
from bench.processes import served
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.processes import Served


@contextmanager
def bare(answer: object) -> Iterator[Served]:
    """Run it in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        (folder / "answer.json").write_text(json.dumps(answer), encoding="utf-8")
        command = [sys.executable, "-m", "bench.bare", str(port), str(folder / "answer.json")]
        with served(command, folder, port, "/v1/videos", {}) as server:
            yield server


def make_app(answer: dict[str, Any]) -> FastAPI:
    """Make the app: the gateway's busiest routes, without anything behind them."""
    app = FastAPI()
    app.state.gateway = SimpleNamespace(feed=SimpleNamespace(close=lambda: None))  # what the server closes at its end

    @app.get("/v1/videos/{video_id}")
    async def retrieve(video_id: str) -> dict[str, Any]:
        del video_id
        return answer

    @app.get("/v1/videos")
    async def page() -> dict[str, Any]:
        return answer

    @app.post("/v1/videos")
    async def create(body: dict[str, Any]) -> dict[str, Any]:
        del body
        return answer

    return app


def main() -> None:
    """Serve until killed."""
    answer = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    make_server(make_app(answer)).run(sockets=[listen("127.0.0.1", int(sys.argv[1]))])


if __name__ == "__main__":
    main()
