"""LiteLLM's proxy on the same upstream, where it is installed: `--litellm FOLDER`, an environment of its own."""

from __future__ import annotations

import json
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.creates import BODY, PATHS
from bench.processes import Served, bearer, gateway, served, upstream
from bench.reads import running
from bench.results import Row, absent
from bench.wrk import Target, in_turn
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.results import Options
    from bench.wrk import Load

_KEY = "sk-bench-0123456789-abcdef"
_READS, _CREATES = 40, 10
_SEEN = {  # with 1.106.2 and one worker on 2 cores, when it was last measured
    "GET /v1/videos/{id}": "74 to 115/s",
    "POST /v1/videos": "79 to 96/s",
}
_MODEL = "sora-2"


def rows(options: Options) -> Iterator[Row]:
    """Measure both in turn, each by its own way to the same upstream."""
    goals = (_READS, _CREATES)
    if options.litellm is None:
        for (name, seen), goal in zip(_SEEN.items(), goals, strict=True):
            yield absent(f"{name}, against LiteLLM", f"≥{goal} times LiteLLM", f"not installed here; {seen} once")
        return
    with tempfile.TemporaryDirectory() as folder, upstream() as url:
        settings = {"XAI_API_KEY": "key", "REELGATE_XAI_URL": f"{url}/v1", "REELGATE_POLL_SECONDS": "300"}
        with (
            gateway(Path(folder, "reelgate"), **settings) as ours,
            _litellm(options.litellm, Path(folder, "litellm"), url) as theirs,
        ):
            body = BODY.replace("grok-imagine-video", _MODEL)
            made = theirs.http.post("/v1/videos", json={**json.loads(body), "seconds": "4"}).raise_for_status().json()
            reads = [Target(ours, running(ours, 1)), Target(theirs, [f"/v1/videos/{made['id']}"])]
            creates = [Target(ours, PATHS, BODY), Target(theirs, PATHS, body.replace("4}", '"4"}'))]
            found = [in_turn(targets, options.seconds, options.rounds) for targets in (reads, creates)]
    for name, goal, (our_load, their_load) in zip(_SEEN, goals, found, strict=True):
        yield _row(f"{name}, against LiteLLM", goal, our_load, their_load)


def _row(what: str, goal: int, ours: Load, theirs: Load) -> Row:
    times = ours.per_second / theirs.per_second
    return Row(
        what,
        f"≥{goal} times LiteLLM",
        f"{ours.per_second:,.0f}/s, p99 {ours.p99_ms:.0f} ms",
        f"{theirs.per_second:,.0f}/s, p99 {theirs.p99_ms:.0f} ms; LiteLLM",
        times,
        times >= goal,
    )


@contextmanager
def _litellm(environment: Path, folder: Path, url: str) -> Iterator[Served]:
    """Run its proxy with one worker, without a database."""
    folder.mkdir()
    config = {
        "model_list": [
            {
                "model_name": _MODEL,
                "litellm_params": {"model": f"openai/{_MODEL}", "api_base": f"{url}/v1", "api_key": "key"},
            }
        ],
        "general_settings": {"master_key": _KEY},
    }
    (folder / "config.yaml").write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML
    port = free_port()
    command = [str(environment.absolute() / "bin" / "litellm"), "--config", str(folder / "config.yaml")]
    command += ["--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    with served(command, folder, port, "/health/liveliness", {"HOME": str(folder), "PYTHONPATH": ""}) as server:
        server.http.headers.update(bearer(_KEY))
        yield Served(server.url, server.pid, server.http, _KEY, server.seconds)
