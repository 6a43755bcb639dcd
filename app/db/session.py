"""The database: reads, writes, its clock, and the news that replicas have for each other.

SQLite (`db.sqlite`) serves one process; Postgres (`db.postgres`) serves any number of replicas with the same queries.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from sqlalchemy.ext.asyncio import AsyncSession

T = TypeVar("T")

# Some output is due now; the name of a state: some output came into it; some API key was made or revoked; links have
# another secret; "video:<id>": clients see another state of that video.
News: TypeAlias = str
_VIDEO = "video:"
ALONE = "alone"  # in a session's info: nobody else writes meanwhile, so that there is nothing to lock


def of_video(video_id: str) -> News:
    """Return the news that clients see another state of a video."""
    return f"{_VIDEO}{video_id}"


def will_change(session: AsyncSession, video_id: str) -> None:
    """Note that this write may change what clients see of a video: this process is told once it has ended."""
    session.info.setdefault(_VIDEO, set()).add(video_id)


class DatabaseUnavailable(Exception):
    """The database does not answer, cannot write or is not for this version: perhaps later. Nothing was done."""


class Database(ABC):
    """`start` before use, `close` at the end. `shared` says that other processes may use it too.

    Reading and writing raise DatabaseUnavailable where it is the database's fault.
    """

    shared: bool

    def __init__(self) -> None:
        self._listeners: list[tuple[News, Callable[[], None]]] = []
        self._video_listeners: list[Callable[[str], None]] = []

    @abstractmethod
    async def start(self) -> None:
        """Open it."""

    @abstractmethod
    async def close(self) -> None:
        """Finish what is under way, then let go of it."""

    @property
    @abstractmethod
    def alive(self) -> bool:
        """Say whether writes are carried out."""

    @abstractmethod
    async def migrate(self) -> None:
        """Bring the tables up to date."""

    @abstractmethod
    def jump(self) -> float:
        """Return by how many seconds the date was set since the clock was, if nobody but this process follows it."""

    @abstractmethod
    def follow(self, jump: float) -> None:
        """Put the clock forward (or back) by a jump, now that what waits was put off by as much."""

    @abstractmethod
    async def check(self) -> str:
        """Say in a few words what it is, once it was found sound and for this version. Raises DatabaseUnavailable."""

    @abstractmethod
    def clock(self) -> float:
        """Return the time that leases and due times are measured by, in unix seconds."""

    @abstractmethod
    def read(self) -> AbstractAsyncContextManager[AsyncSession]:
        """Open a session for reading."""

    @abstractmethod
    async def write(
        self, work: Callable[[AsyncSession], Awaitable[T]], news: News | None = None, *, brief: bool = False
    ) -> T:
        """Run `work` in a transaction and return its result once that is durable; an exception undoes only `work`.

        `work` may be run again where the database gave up its first run. `news` is told to every process, and this one
        hears of the videos of `will_change` as well, before the caller has its result. `brief` says that its statements
        find a few rows each by an index: they may run on the event loop, for a thread would take longer to reach.
        """

    @abstractmethod
    async def hold(self, session: AsyncSession, name: str) -> None:
        """Within a write: keep others who hold the same name waiting until this write has ended."""

    @abstractmethod
    async def alone(self, work: Callable[[], Awaitable[None]], name: str) -> None:
        """Run `work` unless another process is running work of this name."""

    def listen(self, news: News, hear: Callable[[], None]) -> None:
        """Have `hear` called at such news: a hint only, which may come late, twice or never."""
        self._listeners.append((news, hear))

    def listen_to_videos(self, hear: Callable[[str], None]) -> None:
        """Have `hear` called with the id of a video that changed: a hint only, as with `listen`."""
        self._video_listeners.append(hear)

    def tell_changes(self, session: AsyncSession) -> None:
        """Tell this process which videos a write may have changed."""
        for video_id in session.info.get(_VIDEO, ()):
            self.tell(of_video(video_id))

    def tell(self, news: News) -> None:
        """Tell this process; see `write` for news to all."""
        if news.startswith(_VIDEO):
            for told in self._video_listeners:
                told(news.removeprefix(_VIDEO))
            return
        for wanted, hear in self._listeners:
            if wanted == news:
                hear()
