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

_MOST = 4096  # answers, of some 2 KiB
_LONGEST = 30.0  # seconds for which an answer is good: the links in it are signed for a while


@dataclass(frozen=True, slots=True)
class Viewer:
    """Whose eyes see the answer: the owner, and our address as the client knows it."""

    owner: str
    base_url: str


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer in the bytes that are sent, and until when it says the truth (unix seconds) if nothing happens."""

    body: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    until: float


class Snapshots:
    """The last answer about each of the videos that were asked for lately."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._keeps = not database.shared
        self._known: OrderedDict[str, tuple[Viewer, Answer, float]] = OrderedDict()
        self._reading: dict[str, object] = {}
        database.listen_to_videos(self._forget)
        database.listen("links", self._forget_all)  # another secret signs them from now on

    def find(self, video_id: str, viewer: Viewer) -> Answer | None:
        """Return what this viewer would be answered now, if that is known."""
        known = self._known.get(video_id)
        if known is None:
            return None
        seen_by, answer, kept_at = known
        now = self._clock()
        return answer if seen_by == viewer and kept_at <= now < min(answer.until, kept_at + _LONGEST) else None

    async def read(self, video_id: str, viewer: Viewer, look: Callable[[], Awaitable[Answer]]) -> Answer:
        """Look, and keep the answer unless the video changed meanwhile. Raises what `look` raises."""
        if not self._keeps:
            return await look()
        reading = self._reading.setdefault(video_id, object())  # shared by all who look before the next change
        try:
            answer = await look()
            if self._reading.get(video_id) is reading:
                self._keep(video_id, viewer, answer)
            return answer
        finally:
            if self._reading.get(video_id) is reading:
                del self._reading[video_id]

    def _keep(self, video_id: str, viewer: Viewer, answer: Answer) -> None:
        self._known[video_id] = viewer, answer, self._clock()
        self._known.move_to_end(video_id)
        if len(self._known) > _MOST:
            self._known.popitem(last=False)

    def _forget_all(self) -> None:
        self._known.clear()
        self._reading.clear()

    def _forget(self, video_id: str) -> None:
        self._known.pop(video_id, None)
        self._reading.pop(video_id, None)
