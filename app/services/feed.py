"""The feed: who waits, and for a change of which video.

One loop per process looks for all who wait: at once where this process changed a video, or another replica told of its
end, and every so often at every video that somebody waits for, with one query. A waiter is an entry in a dictionary;
it costs neither a thread, nor a connection to the database, nor a query of its own. Whoever follows all videos of a key
(`services.following`) is counted, and sent away, here as well. See docs/decisions/waiting.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import TYPE_CHECKING, Protocol, TypeVar

import structlog

from app.db import keys
from app.db.marks import read_marks
from app.db.session import DatabaseUnavailable
from app.domain.errors import GatewayError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.db.marks import Mark
    from app.db.session import Database

log = structlog.get_logger()

T = TypeVar("T")

MOST_WAITERS = 5000  # of one process; each holds an open connection, and all their ids must fit into one query
MOST_OF_ONE = 2000  # of them for one API key
_LOOK_SECONDS = 0.75  # between two looks at every waited-for video, where other processes may change them
_LOOK_ALONE_SECONDS = 5.0  # the same where only this process does, and so tells itself; whatever was missed is found
_FAULT_SECONDS = 1.0  # until a look that failed is repeated
_RETRY_AFTER = 5  # seconds


def spread(seconds: float) -> float:
    """Return up to a third less: what came together, as after a restart, is not to be looked after at one moment."""
    return seconds * random.uniform(2 / 3, 1)  # noqa: S311 - no secret


class Waiter(Protocol):
    """Whoever waits, and can be told that it was long enough."""

    def end(self) -> None:
        """Wake it: its key has ended, or the feed."""


class Watch:
    """One waiter for one video. `mark` is the state that it knows, None before it has read any."""

    def __init__(self, *, only_end: bool) -> None:
        self.mark: Mark | None = None
        self._only_end = only_end
        self._news = asyncio.Event()

    async def news(self, seconds: float) -> bool:
        """Wait until the video differs from `mark` (or has ended, with `only_end`); False when the time is over.

        It may be a false alarm: read the video to know. The feed's end is news, too; see `Feed.closed`. So is the end
        of the owner's key: recognise the caller again before telling anything.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        heard = self._news.is_set()
        self._news.clear()
        return heard

    def hear(self, mark: Mark | None) -> None:
        """Take note of what a look has found; None: the video was deleted."""
        if mark is None or (mark != self.mark and (mark.ended or not self._only_end)):
            self._news.set()

    def end(self) -> None:
        """Wake the waiter, whatever the video does."""
        self._news.set()


class Feed:
    """Every watch of this process. `start` before use; `close` lets all who wait go, `stop` ends it."""

    def __init__(self, database: Database, most: int = MOST_WAITERS, most_of_one: int = MOST_OF_ONE) -> None:
        self.closed = False
        self._database = database
        self._most = most
        self._most_of_one = most_of_one
        self._period = _LOOK_SECONDS if database.shared else _LOOK_ALONE_SECONDS
        self.waiting = 0
        self._waiters: dict[str, set[Waiter]] = {}  # by owner
        self._watches: dict[str, set[Watch]] = {}  # by video
        self._changed: set[str] = set()
        self._keys_changed = False
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen and look."""
        self._database.listen_to_videos(self.hear)
        self._database.listen("keys", self._hear_of_keys)
        self._task = asyncio.create_task(self._run(), name="feed")

    def close(self) -> None:
        """Let everybody go who waits: the gateway is about to stop. Nobody waits from now on."""
        self.closed = True
        for waiters in self._waiters.values():
            for waiter in waiters:
                waiter.end()

    async def stop(self) -> None:
        """End the loop."""
        self.close()
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def has_room(self, owner: str) -> bool:
        """Say whether one more may wait for this owner."""
        return not self.closed and self.waiting < self._most and self._waiting_of(owner) < self._most_of_one

    def check_room(self, owner: str) -> None:
        """Refuse one waiter too many. Raises GatewayError concurrency_limit_exceeded."""
        if not self.has_room(owner):
            mine = self._waiting_of(owner)
            whose = f"{mine} clients of this API key" if mine >= self._most_of_one else f"{self.waiting} clients"
            message = f"{whose} wait for videos here already; try again, or poll without waiting."
            raise GatewayError("concurrency_limit_exceeded", message, retry_after=_RETRY_AFTER)

    def _waiting_of(self, owner: str) -> int:
        return len(self._waiters.get(owner, ()))

    @contextlib.contextmanager
    def admit(self, owner: str, waiter: Waiter) -> Iterator[None]:
        """Count somebody who waits while the block runs, and wake it when its key ends, or the feed."""
        self._waiters.setdefault(owner, set()).add(waiter)
        self.waiting += 1
        try:
            yield
        finally:
            self.waiting -= 1
            _drop(self._waiters, owner, waiter)

    @contextlib.contextmanager
    def watch(self, owner: str, video_id: str, *, only_end: bool = False) -> Iterator[Watch]:
        """Watch a video for a key's holder while the block runs: begin before reading it, and no change is missed."""
        watch = Watch(only_end=only_end)
        if not self._watches:
            self._wake.set()  # the loop rests while nobody watches
        self._watches.setdefault(video_id, set()).add(watch)
        try:
            with self.admit(owner, watch):
                yield watch
        finally:
            _drop(self._watches, video_id, watch)

    def hear(self, video_id: str) -> None:
        """Look at a video at once, if somebody waits for it: it may have changed."""
        if video_id in self._watches:
            self._changed.add(video_id)
            self._wake.set()

    def _hear_of_keys(self) -> None:
        """Look soon whether somebody waits whose key was revoked."""
        self._keys_changed = True
        self._wake.set()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        next_round = loop.time() + self._period
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(next_round if self._watches else None):
                    await self._wake.wait()
            self._wake.clear()
            wanted, self._changed = self._changed, set()
            if loop.time() >= next_round:
                wanted = set(self._watches)
                next_round = loop.time() + self._period
            try:
                await self._dismiss()
                await self._look(wanted & self._watches.keys())
            except DatabaseUnavailable as fault:
                log.error("the database fails", feed=len(wanted), reason=str(fault))
                await self._rest(wanted)
            except Exception:
                log.exception("the feed cannot look", feed=len(wanted))
                await self._rest(wanted)

    async def _rest(self, wanted: set[str]) -> None:
        self._changed |= wanted
        await asyncio.sleep(_FAULT_SECONDS)
        self._wake.set()

    async def _dismiss(self) -> None:
        """Wake those whose keys were revoked; one that is missed here is recognised again every so often."""
        changed, self._keys_changed = self._keys_changed, False
        if not changed or not self._waiters:
            return
        async with self._database.read() as session:
            revoked = await keys.revoked(session, set(self._waiters))
        for owner in revoked:
            for waiter in self._waiters.get(owner, ()):
                waiter.end()

    async def _look(self, video_ids: set[str]) -> None:
        if not video_ids:
            return
        async with self._database.read() as session:
            marks = await read_marks(session, video_ids)
        for video_id in video_ids:
            for watch in self._watches.get(video_id, ()):
                watch.hear(marks.get(video_id))


def _drop(places: dict[str, set[T]], name: str, who: T) -> None:
    places[name].remove(who)
    if not places[name]:
        del places[name]
