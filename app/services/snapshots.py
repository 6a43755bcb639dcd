"""Snapshots: the answers about videos as they were last given, so that asking again costs no query.

One process alone keeps them: whatever changes a video tells it at once. Where several share a database, the news of
another's change would come a moment late, and a client of two of them would see a video go backwards.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from app.db.session import Database

# Prompts may be long: an answer above the usual size is not kept, so that nobody fills the memory with theirs.
_MOST_VIDEOS, _LONGEST_VIDEO = 4096, 16 << 10  # answers, and bytes of one; some 2 KiB are usual
_MOST_PAGES, _LONGEST_PAGE = 64, 512 << 10  # of up to a hundred videos
_LONGEST = 30.0  # seconds for which an answer is good: the links in it are signed for a while


@dataclass(frozen=True, slots=True)
class Viewer:
    """Whose eyes see the answer: the owner, and our address as the client knows it."""

    owner: str
    base_url: str


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer in the bytes that are sent, and until when it says the truth (unix seconds) if nothing happens.

    One whose time is over is given and not kept.
    """

    body: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    until: float


class Shelf:
    """The last answers of at most `longest` bytes to at most `most` questions, each for the viewer who asked last."""

    def __init__(self, clock: Callable[[], float], most: int, longest: int) -> None:
        self._clock = clock
        self._most = most
        self._longest = longest
        self._known: OrderedDict[str, tuple[Viewer, Answer, float]] = OrderedDict()
        self._reading: dict[str, object] = {}

    def find(self, question: str, viewer: Viewer) -> Answer | None:
        """Return what this viewer would be answered now, if that is known."""
        known = self._known.get(question)
        if known is None:
            return None
        seen_by, answer, kept_at = known
        now = self._clock()
        return answer if seen_by == viewer and kept_at <= now < min(answer.until, kept_at + _LONGEST) else None

    async def read(self, question: str, viewer: Viewer, look: Callable[[], Awaitable[Answer]]) -> Answer:
        """Look, and keep the answer unless it was to be forgotten meanwhile. Raises what `look` raises."""
        reading = self._reading.setdefault(question, object())  # shared by all who look before the next change
        try:
            answer = await look()
            if self._reading.get(question) is reading:
                self._keep(question, viewer, answer)
            return answer
        finally:
            if self._reading.get(question) is reading:
                del self._reading[question]

    def forget(self, question: str) -> None:
        """Forget one answer, also one that is just being read."""
        self._known.pop(question, None)
        self._reading.pop(question, None)

    def forget_all(self) -> None:
        """Forget every answer."""
        self._known.clear()
        self._reading.clear()

    def _keep(self, question: str, viewer: Viewer, answer: Answer) -> None:
        now = self._clock()
        if self._most and len(answer.body) <= self._longest and now < answer.until:
            self._known[question] = viewer, answer, now
            self._known.move_to_end(question)
        if len(self._known) > self._most:
            self._known.popitem(last=False)


class Snapshots:
    """What was asked for lately: `videos` by their ids, `pages` of the list by owner and query."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self.videos = Shelf(clock, 0 if database.shared else _MOST_VIDEOS, _LONGEST_VIDEO)
        self.pages = Shelf(clock, 0 if database.shared else _MOST_PAGES, _LONGEST_PAGE)
        database.listen_to_videos(self._changed)
        database.listen("links", self._other_links)

    def _changed(self, video_id: str) -> None:
        self.videos.forget(video_id)
        self.pages.forget_all()  # whose it is, and on which pages, is not worth knowing

    def _other_links(self) -> None:
        """Another secret signs links from now on."""
        self.videos.forget_all()
        self.pages.forget_all()
