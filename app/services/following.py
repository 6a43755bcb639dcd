"""Following: who is told of every change of a key's videos, or of everybody's.

One loop per process looks for all who follow, as the feed does for those who wait for one video: a moment after this
process changed a video, or another replica told of its end; and every so often with one query, which finds what other
processes have made, moved, ended or deleted. While nobody follows, nothing is asked. See docs/decisions/following.md.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from typing import TYPE_CHECKING

import structlog

from app.db import videos
from app.db.session import DatabaseUnavailable
from app.db.sightings import DELETED, look_around, look_at, sighting_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.db.session import Database
    from app.db.sightings import Sighting
    from app.db.videos import Video
    from app.services.feed import Feed

log = structlog.get_logger()

MOST_UNTOLD = 250  # videos whose changes a follower has not taken yet; one that is slower has to begin anew
_PAUSE_SECONDS = 0.2  # in which changes gather, so that a busy gateway costs its followers five looks a second at most
_LOOK_SECONDS = 0.75  # between two looks at everything that may have changed, where other processes change videos
_LOOK_ALONE_SECONDS = 5.0  # the same where only this process does, and so tells itself; whatever was missed is found
_FAULT_SECONDS = 1.0  # until a look that failed is repeated
_LATE_SECONDS = 10.0  # by which a video may be committed later than its times say
_MOST_ENDED = 4096  # ended videos whose last state is remembered, so that none is told twice
_AT_ONCE = 1000  # videos that one query names


class Follower:
    """One who follows the videos of `whose`, None for everybody's; `overrun` where it was too slow to be told all."""

    def __init__(self, whose: str | None) -> None:
        self.whose = whose
        self.overrun = False
        self.begun = False
        self._untold: dict[str, Video | None] = {}
        self._news = asyncio.Event()

    async def news(self, seconds: float) -> dict[str, Video | None]:
        """Wait for changes and take them: each video as it is now, None for one that was deleted.

        There are none when the time is over, when the follower has just `begun` to be told, and when it was to `end`.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        self._news.clear()
        untold, self._untold = self._untold, {}
        return untold

    def hear(self, video_id: str, video: Video | None) -> None:
        """Take note of a change; of several of one video the newest counts."""
        self._untold[video_id] = video
        if len(self._untold) > MOST_UNTOLD:
            self._untold, self.overrun = {}, True
        self._news.set()

    def begin(self) -> None:
        """Tell it from now on: whatever is read after this changes with news."""
        self.begun = True
        self._news.set()

    def end(self) -> None:
        """Wake it, whatever the videos do."""
        self._news.set()


class Following:
    """Every follower of this process. `start` before use, `stop` at the end; the feed counts them and lets them go."""

    def __init__(self, database: Database, feed: Feed) -> None:
        self._database = database
        self._feed = feed
        self._period = _LOOK_SECONDS if database.shared else _LOOK_ALONE_SECONDS
        self._followers: set[Follower] = set()
        self._pending: dict[str, Sighting] = {}
        self._ended: OrderedDict[str, Sighting] = OrderedDict()
        self._since: float | None = None
        self._changed: set[str] = set()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen and look."""
        self._database.listen_to_videos(self._hear)
        self._task = asyncio.create_task(self._run(), name="following")

    async def stop(self) -> None:
        """End the loop."""
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    @contextlib.contextmanager
    def follow(self, owner: str, whose: str | None) -> Iterator[Follower]:
        """Follow the videos of `whose` (None: everybody's) for the holder of the key `owner` while the block runs.

        Once the follower has `begun`, every change after it is told; read what is then, and nothing is missed.
        """
        follower = Follower(whose)
        self._followers.add(follower)
        self._wake.set()
        try:
            with self._feed.admit(owner, follower):
                yield follower
        finally:
            self._followers.remove(follower)

    def _hear(self, video_id: str) -> None:
        if self._followers:
            self._changed.add(video_id)
            self._wake.set()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        next_round = loop.time()
        while True:
            if not self._followers:
                self._forget()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(next_round if self._followers else None):
                    await self._wake.wait()
            self._wake.clear()
            if not self._followers:
                continue
            due = loop.time() >= next_round or not all(follower.begun for follower in self._followers)
            try:
                await self._look(around=due)
            except DatabaseUnavailable as fault:
                log.error("the database fails", following=len(self._followers), reason=str(fault))
                await self._rest()
            except Exception:
                log.exception("the followers cannot be told", following=len(self._followers))
                await self._rest()
            else:
                next_round = loop.time() + self._period if due else next_round
                await asyncio.sleep(_PAUSE_SECONDS)

    async def _rest(self) -> None:
        await asyncio.sleep(_FAULT_SECONDS)
        self._wake.set()

    def _forget(self) -> None:
        """Forget what was seen: whoever comes next begins anew."""
        self._pending, self._since = {}, None
        self._ended.clear()
        self._changed.clear()

    async def _look(self, *, around: bool) -> None:
        """Look at what may have changed: what was heard of or, `around`, all that is pending, too."""
        began, owners = self._database.clock(), self._owners()
        new = [follower for follower in self._followers if not follower.begun]
        heard, self._changed = self._changed, set()
        try:
            async with self._database.read() as session:
                seen, named = {}, heard
                if around:
                    since = began - _LATE_SECONDS if self._since is None else self._since
                    seen = await look_around(session, owners, since)
                    self._pending = _of(owners, self._pending)  # some may not be followed any more
                    named = (heard | self._pending.keys()) - seen.keys()
                for some in _parts(sorted(named)):
                    seen |= await look_at(session, some)
                await self._tell(session, _of(owners, seen))
        except BaseException:
            self._changed |= heard
            raise
        if around:
            self._since = began - _LATE_SECONDS
            for follower in new:
                follower.begin()

    def _owners(self) -> frozenset[str] | None:
        followed = frozenset(follower.whose for follower in self._followers)
        return None if None in followed else frozenset(owner for owner in followed if owner is not None)

    async def _tell(self, session: AsyncSession, seen: dict[str, Sighting]) -> None:
        """Tell of every video that is not as it was when it was seen last; all of them are read with two queries."""
        news = {name: one for name, one in seen.items() if self._is_news(name, one)}
        told = {owner: self._followers_of(owner) for owner in {one.owner for one in news.values()}}
        found: dict[str, Video] = {}
        for some in _parts([name for name, one in news.items() if one.end != DELETED and told[one.owner]]):
            found |= {video.row.id: video for video in await videos.get_all(session, some)}
        for name, one in news.items():
            video = found.get(name)
            for follower in told[one.owner]:
                follower.hear(name, video)
            self._remember(name, sighting_of(video) if video else one)

    def _followers_of(self, owner: str) -> list[Follower]:
        return [each for each in self._followers if each.begun and each.whose in (None, owner)]

    def _is_news(self, video_id: str, seen: Sighting) -> bool:
        return seen != (self._ended.get(video_id) or self._pending.get(video_id))

    def _remember(self, video_id: str, seen: Sighting) -> None:
        self._pending.pop(video_id, None)
        self._ended.pop(video_id, None)
        if seen.end is None:
            self._pending[video_id] = seen
            return
        self._ended[video_id] = seen
        if len(self._ended) > _MOST_ENDED:
            self._ended.popitem(last=False)


def _of(owners: frozenset[str] | None, seen: dict[str, Sighting]) -> dict[str, Sighting]:
    return seen if owners is None else {name: one for name, one in seen.items() if one.owner in owners}


def _parts(names: list[str]) -> Iterator[list[str]]:
    for first in range(0, len(names), _AT_ONCE):
        yield names[first : first + _AT_ONCE]
