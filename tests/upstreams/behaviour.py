"""Rules that tell a fake upstream to misbehave: what to do, on which call, how often.

Every `Do` is plain data, so the same rule travels by Python and by `POST /_fake/rules`. What may be done:

- instead of handling a call: `answer`, `html`, `cut`, `hang`;
- after really handling (and charging) it: `accept_then(…)`, `garbage`, `half`, `drip`;
- before handling it normally: `delay`, `wait`;
- on "job", decided when a job is accepted: `fail`, `never`, `no_video`, `slow`, `shape`;
- on "callback": `drop`, `duplicate`, `forge`, `late`.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

if TYPE_CHECKING:
    from collections.abc import Mapping

On = Literal["submit", "status", "stream", "result", "cancel", "upload", "media", "list", "other", "job", "callback"]
Kind = Literal[
    "answer", "cut", "hang", "accept_then", "garbage", "half", "drip", "delay", "wait",
    "fail", "never", "no_video", "slow", "shape", "drop", "duplicate", "forge", "late",
]  # fmt: skip


class Do(BaseModel):
    """One misbehaviour; which fields count depends on the kind."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    seconds: float = 0
    status: int = 200
    body: JsonValue = None
    headers: dict[str, str] = Field(default_factory=dict)
    reset: bool = False  # cut by RST instead of a clean close
    unread: bool = False  # cut before the body is read; matched by path only
    short: bool = False  # half: end the connection with bytes missing, instead of a whole answer that is half a JSON
    then: Do | None = None
    error: str | None = None
    error_type: str | None = None
    units: float = 0


class Rule(BaseModel):
    """Do this on the next `times` calls (None: always) after `skip` ones; each matched fact contains its text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    on: On
    do: Do
    times: int | None = 1
    skip: int = 0
    match: dict[str, str] = Field(default_factory=dict)


@dataclass
class _Active:
    rule: Rule
    left: int | None
    skip: int


class Rules:
    """The rules in force; the first that fits a call is taken."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._active: list[_Active] = []
        self.released = False

    def add(self, *rules: Rule) -> None:
        """Append rules."""
        with self._lock:
            self._active += [_Active(rule, rule.times, rule.skip) for rule in rules]

    def clear(self) -> None:
        """Behave again."""
        with self._lock:
            self._active.clear()

    def release(self) -> None:
        """Let what waits go on, and whatever would wait from now on."""
        self.released = True

    def pending(self) -> list[Rule]:
        """Return the rules that still wait for their call."""
        with self._lock:
            return [active.rule for active in self._active]

    def take(self, on: str, facts: Mapping[str, str], *, unread: bool = False) -> Do | None:
        """Return what to do on this call, and count it."""
        with self._lock:
            for active in self._active:
                if active.rule.do.unread is not unread or not _fits(active.rule, on, facts):
                    continue
                if active.skip:
                    active.skip -= 1
                    continue
                if active.left is not None:
                    active.left -= 1
                    if active.left <= 0:
                        self._active.remove(active)
                return active.rule.do
        return None


def _fits(rule: Rule, on: str, facts: Mapping[str, str]) -> bool:
    return rule.on == on and all(text in facts.get(name, "") for name, text in rule.match.items())


def answer(status: int, body: JsonValue = None, headers: dict[str, str] | None = None) -> Do:
    """Answer instead of handling: a str body as it is, anything else as JSON, None for an empty body."""
    return Do(kind="answer", status=status, body=body, headers=headers or {})


def html(status: int = 502, title: str = "Bad Gateway") -> Do:
    """Answer as nginx in front of the upstream does when it cannot reach it."""
    page = f"<html>\r\n<head><title>{status} {title}</title></head>\r\n<body>\r\n<center><h1>{status} {title}</h1>"
    page += "</center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    return answer(status, page, {"content-type": "text/html"})


def cut(*, reset: bool = False, unread: bool = False) -> Do:
    """End the connection without handling or answering, by a clean close or a reset."""
    return Do(kind="cut", reset=reset, unread=unread)


def asked(on: On, do: Do, times: int = 1) -> Rule:
    """Make a rule for GETs: a cut comes twice each, for a client may ask once more by itself (RFC 9110, 9.2.2)."""
    return Rule(on=on, do=do, times=2 * times if do.kind == "cut" else times)


def hang() -> Do:
    """Neither handle nor answer, until the client gives up."""
    return Do(kind="hang")


def delay(seconds: float) -> Do:
    """Handle the call, but only after a while."""
    return Do(kind="delay", seconds=seconds)


def wait() -> Do:
    """Handle the call, but only once the rules are told to release it."""
    return Do(kind="wait")


def accept_then(then: Do) -> Do:
    """Handle the call (a submit is charged), throw its answer away, then answer, cut or hang."""
    return Do(kind="accept_then", then=then)


def garbage() -> Do:
    """Handle, then answer bytes that are no JSON, with the right status and content type."""
    return Do(kind="garbage")


def half(*, short: bool = False) -> Do:
    """Handle, then answer half of the body; `short`: announce all of it and cut the connection."""
    return Do(kind="half", short=short)


def drip(seconds: float) -> Do:
    """Handle, then send the body in small pieces over that time."""
    return Do(kind="drip", seconds=seconds)


def fail(
    status: int = 422,
    body: JsonValue = None,
    *,
    error: str | None = None,
    error_type: str | None = None,
    units: float = 0,
) -> Do:
    """Accept the job and fail it at its end; `units` are billed all the same."""
    return Do(kind="fail", status=status, body=body, error=error, error_type=error_type, units=units)


def never() -> Do:
    """Accept the job and never finish it."""
    return Do(kind="never")


def no_video() -> Do:
    """Finish, and charge, a job whose result has no video URL."""
    return Do(kind="no_video")


def slow(seconds: float) -> Do:
    """Let the job run that much longer."""
    return Do(kind="slow", seconds=seconds)


def shape(**parts: Any) -> Do:
    """Answer about the job in one of the upstream's other shapes; the fake's docstring names the parts."""
    return Do(kind="shape", body=parts)


def drop() -> Do:
    """Do not deliver the callback."""
    return Do(kind="drop")


def duplicate() -> Do:
    """Deliver the callback twice."""
    return Do(kind="duplicate")


def forge() -> Do:
    """Deliver the callback with a signature of another key."""
    return Do(kind="forge")


def late(seconds: float) -> Do:
    """Deliver the callback that much later."""
    return Do(kind="late", seconds=seconds)
