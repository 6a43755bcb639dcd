"""What the server of forks does before the first: everything once, and nothing that a fork would trip over."""

from __future__ import annotations

import json
import subprocess
import sys

PROGRAM = """
import json, os
from PIL import Image
from app.media import fork_server

before = sorted(Image.SAVE)
fork_server.warm_up()
print(json.dumps([before, sorted(Image.SAVE), len(os.listdir("/proc/self/task"))]))
"""


def test_it_has_used_the_encoders_once_and_no_thread_is_left_that_a_fork_would_lack() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True, timeout=120)
    before, after, threads = json.loads(done.stdout)
    assert before == []
    assert {"JPEG", "WEBP"} <= set(after)
    assert threads == 1
    assert done.stderr == b""
