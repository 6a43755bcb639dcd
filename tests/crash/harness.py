"""Kill a gateway again and again while it works, and check that nothing is lost, doubled or half-done.

`python -m tests.crash.harness --jobs 60 --kills 30` prints one table; the test runs a shorter round.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import httpx

_START_SECONDS = 60.0
_END_SECONDS = 300.0


@dataclass
class Gateway:
    """A `reelgate serve` process on one data folder, started and killed as often as wanted."""

    data_dir: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    http: httpx.Client = field(default_factory=httpx.Client)
    starts: list[float] = field(default_factory=list)

    def start(self) -> httpx.Client:
        if not self.port:
            with socket.create_server(("127.0.0.1", 0)) as listener:
                self.port = listener.getsockname()[1]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
        environment = {**inherited, "REELGATE_DATA_DIR": str(self.data_dir), "REELGATE_PORT": str(self.port)}
        began = time.monotonic()
        with (self.data_dir / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "app", "serve"], env=environment, stdout=subprocess.DEVNULL, stderr=log
            )
        self.http.close()
        self.http = http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30)
        while time.monotonic() < began + _START_SECONDS:
            assert self.process.poll() is None, "the gateway ended at its start; see the log in its data folder"
            try:
                if http.get("/readyz").is_success:
                    self.starts.append(time.monotonic() - began)
                    return http
            except httpx.HTTPError:
                time.sleep(0.01)
        raise AssertionError("the gateway did not become ready")

    def end(self, how: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(how)
        self.process.wait(timeout=60)
        self.http.close()


@dataclass
class Witness:
    """What was seen to be finished: it must stay exactly so."""

    seen: dict[str, tuple[str, str]] = field(default_factory=dict)

    def look(self, http: httpx.Client, ids: list[str]) -> int:
        """Check every video and return how many are completed."""
        completed = 0
        for video_id in ids:
            video: dict[str, Any] = http.get(f"/v1/videos/{video_id}").raise_for_status().json()
            assert video["status"] != "failed", video["error"]
            assert len(video["outputs"]) == video["n"]
            completed += video["status"] == "completed"
            for output in video["outputs"]:
                if output["status"] == "completed":
                    self._check(http, video_id, output)
        return completed

    def _check(self, http: httpx.Client, video_id: str, output: dict[str, Any]) -> None:
        name = f"{video_id}/{output['index']}"
        answer = http.get(f"/v1/videos/{video_id}/content", params={"index": output["index"]}).raise_for_status()
        state = (hashlib.sha256(answer.content).hexdigest(), answer.headers["etag"])
        assert len(answer.content) == output["size_bytes"], f"{name} is not whole"
        assert self.seen.setdefault(name, state) == state, f"{name} changed after it was completed"


def run(data_dir: Path, jobs: int, kills: int, seed: int) -> dict[str, object]:
    """Create `jobs` videos, kill the gateway `kills` times while they run, and return what was seen."""
    chance = random.Random(seed)  # noqa: S311 - the seed makes a run repeatable
    gateway, witness = Gateway(data_dir), Witness()
    http = gateway.start()
    ids: list[str] = []
    while len(ids) < jobs:
        n = min(chance.choice((1, 1, 2)), jobs - len(ids))
        wanted = {"prompt": f"clip {len(ids)}", "seconds": 1, "resolution": "480p", "n": n}
        ids.append(http.post("/v1/videos", json=wanted).raise_for_status().json()["id"])
    killed_at: list[int] = []
    for _ in range(kills):
        time.sleep(chance.uniform(0.05, 1.5))
        gateway.end(signal.SIGKILL)
        http = gateway.start()
        killed_at.append(witness.look(http, ids))
    deadline = time.monotonic() + _END_SECONDS
    while (completed := witness.look(http, ids)) < jobs and time.monotonic() < deadline:
        time.sleep(0.5)
    _check_files(data_dir, http, ids)
    gateway.end(signal.SIGTERM)
    return {
        "jobs": jobs,
        "kills": len(killed_at),
        "kills while jobs ran": sum(count < jobs for count in killed_at),
        "completed": completed,
        "outputs": len(witness.seen),
        "slowest start (s)": round(max(gateway.starts), 2),
    }


def _check_files(data_dir: Path, http: httpx.Client, ids: list[str]) -> None:
    """Each output is stored once, decodes to its last frame, and scratch space and inputs are empty again."""
    deadline = time.monotonic() + 30
    while list((data_dir / "scratch").iterdir()) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not list((data_dir / "scratch").iterdir()), "scratch space was not cleaned up"
    stored = sorted((data_dir / "media" / "videos").rglob("*.mp4"))
    outputs = [
        (video_id, output)
        for video_id in ids
        for output in http.get(f"/v1/videos/{video_id}").raise_for_status().json()["outputs"]
    ]
    assert len(stored) == len(outputs), f"{len(stored)} files for {len(outputs)} outputs"
    for path in stored:
        with av.open(str(path)) as container:
            assert sum(1 for _ in container.decode(video=0)) == 25


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=60)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        seen = run(Path(folder), options.jobs, options.kills, options.seed)
    sys.stdout.write(f"seed {options.seed}\n" + "".join(f"{name:<24} {value}\n" for name, value in seen.items()))


if __name__ == "__main__":
    main()
