"""An order for a video as the command line puts it: its route and body, priced first, then sent once."""

from __future__ import annotations

import json
import time
import uuid
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.again import pause_of, said
from app.cli.connection import check, read
from app.cli.terminal import INTERRUPTED, UNREACHABLE, fail, note

if TYPE_CHECKING:
    import httpx

_TRIES = 4
_STOP = "x-should-retry"
_AGAIN = frozenset({429, 500, 502, 503, 504})  # with an idempotency key, nothing is paid twice by that


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for. In `body`, a Path is a file that goes with it; `key` makes a second sending harmless."""

    route: str
    body: dict[str, Any]
    key: str = field(default_factory=lambda: f"cli-{uuid.uuid4()}")

    def price(self, http: httpx.Client) -> dict[str, Any]:
        """Ask what it would cost and what would be changed; nothing is made."""
        estimate: dict[str, Any] = read(check(self._patiently(http, dry_run=True)))
        return estimate

    def send(self, http: httpx.Client) -> dict[str, Any]:
        """Send it, and again where it is not known to have arrived."""
        try:
            answer = check(self._patiently(http, dry_run=False))
        except KeyboardInterrupt:
            fail(f"interrupted while it was sent. {self._again}", code="interrupted", status=INTERRUPTED)
        if answer.headers.get("idempotent-replayed"):
            note("this was sent before under the same idempotency key: here is the video that was made of it")
        video: dict[str, Any] = read(answer)
        return video

    @property
    def _again(self) -> str:
        return f"It may have arrived: the same with --idempotency-key {self.key} never pays twice."

    def _patiently(self, http: httpx.Client, *, dry_run: bool) -> httpx.Response:
        import httpx

        number = 0
        while True:
            number += 1
            pause = 2.0 ** (number - 1)  # seconds
            try:
                answer = self._once(http, dry_run=dry_run)
                if answer.status_code not in _AGAIN or number == _TRIES or answer.headers.get(_STOP) == "false":
                    return answer
                pause, reason = pause_of(answer, pause), said(answer)
            except httpx.TransportError as error:
                if number == 1 and isinstance(error, httpx.ConnectError):
                    raise  # nothing has left
                reason = str(error) or type(error).__name__
                if number == _TRIES:
                    again = "" if dry_run else f" {self._again}"
                    fail(f"no answer: {reason}.{again}", code="gateway_unreachable", status=UNREACHABLE)
            note(f"{reason} Trying again in {pause:g} s.")
            time.sleep(pause)

    def _once(self, http: httpx.Client, *, dry_run: bool) -> httpx.Response:
        with ExitStack() as stack:
            leaves = list(_leaves("", self.body))
            files = [(name, stack.enter_context(leaf.open("rb"))) for name, leaf in leaves if isinstance(leaf, Path)]
            texts = {name: _text(leaf) for name, leaf in leaves if not isinstance(leaf, Path)}
            return http.post(
                self.route,
                params={"dryRun": True} if dry_run else {},
                headers={} if dry_run else {"Idempotency-Key": self.key},
                **({"data": texts, "files": files} if files else {"json": self.body}),
            )


def media(text: str, option: str) -> Any:  # noqa: ANN401 - JSON, or a Path
    """Read what names an image or a video: a file, a URL, or something that the gateway has."""
    if text.startswith(("https://", "http://", "data:")):
        return text
    path = Path(text)
    if path.is_file():
        return path
    if text.startswith("file_"):
        return {"file_id": text}
    if not text.startswith("video_"):
        fail(f"{option} {text}: there is no such file; a file, an https URL, file_… or video_… is taken")
    return {"id": text}


def pair(text: str) -> tuple[str, Any]:
    """Read NAME=VALUE; a value that is JSON keeps its type."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        fail(f"--set {text}: expected NAME=VALUE, such as seed=42")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _leaves(name: str, value: Any) -> Any:  # noqa: ANN401 - JSON
    """Walk through nested values, each with its name as multipart says it: `characters[0][id]`."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if inside is None:
        yield name, value
        return
    for key, item in inside:
        yield from _leaves(f"{name}[{key}]" if name else str(key), item)


def _text(leaf: object) -> str:
    return leaf if isinstance(leaf, str) else json.dumps(leaf)
