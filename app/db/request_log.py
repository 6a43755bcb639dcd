"""The request log: one row per request that makes or changes something, and what became of the video it was about.

Provider, cost and state are the video's: they are read where they are, not copied.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, case, delete, func, insert, select, tuple_

from app.db.tables import OutputRow, RequestRow, VideoRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.ext.asyncio import AsyncSession
    from sqlalchemy.orm import InstrumentedAttribute

_CHUNK = 500  # rows that are removed at a time: whoever creates a video waits no longer than for these


@dataclass(frozen=True, slots=True)
class Entry:
    """What is written down of a request; see `RequestRow`."""

    id: str
    request_id: str
    owner: str
    at: float
    method: str
    route: str
    status: int
    error_code: str | None
    duration_ms: float
    model: str | None
    video_id: str | None


@dataclass(frozen=True, slots=True)
class Job:
    """What became of the video. Its providers by output, its cost in micro-dollars (None: not known yet)."""

    status: str
    seconds: float | None
    providers: tuple[str, ...]
    cost: int | None


@dataclass(frozen=True, slots=True)
class Logged:
    """An entry with what its video adds: the model, the code by which it failed, the job."""

    row: RequestRow
    model: str | None
    error_code: str | None
    job: Job | None


@dataclass(frozen=True, slots=True)
class Page:
    """What a listing asks for; times are unix seconds."""

    after: str | None = None
    limit: int = 20
    key_id: str | None = None
    video_id: str | None = None
    model: str | None = None
    status: str | None = None
    error_code: str | None = None
    created_after: float | None = None
    created_before: float | None = None


_MODEL = func.coalesce(RequestRow.model, VideoRow.model)
_ERROR = func.coalesce(RequestRow.error_code, case((VideoRow.status == "failed", VideoRow.error_code)))


async def add(session: AsyncSession, entries: Sequence[Entry]) -> None:
    """Add entries."""
    await session.execute(insert(RequestRow), [asdict(entry) for entry in entries])


async def get(session: AsyncSession, owner: str | None, name: str) -> Logged | None:
    """Return the entry of this id or, failing that, the newest of this x-request-id. Owner None sees everybody's."""
    found = await _read(session, _scoped(owner).where(RequestRow.id == name))
    if not found:
        newest = RequestRow.at.desc()
        found = await _read(session, _scoped(owner).where(RequestRow.request_id == name).order_by(newest).limit(1))
    return found[0] if found else None


async def is_shared(session: AsyncSession, request_id: str) -> bool:
    """Say whether entries of several owners have this x-request-id."""
    owners = select(RequestRow.owner).where(RequestRow.request_id == request_id).distinct().limit(2)
    return len((await session.scalars(owners)).all()) > 1


async def list_page(session: AsyncSession, owner: str | None, page: Page) -> tuple[list[Logged], bool]:
    """Return a page of entries, newest first, and whether more follow. Owner None sees everybody's.

    An `after` that this owner does not have is the end of the list.
    """
    statement = _scoped(owner).where(*_wanted(page))
    if page.after is not None:
        cursor = (await session.execute(_scoped(owner).where(RequestRow.id == page.after))).first()
        if cursor is None:
            return [], False
        statement = statement.where(tuple_(RequestRow.at, RequestRow.id) < (cursor[0].at, cursor[0].id))
    statement = statement.order_by(RequestRow.at.desc(), RequestRow.id.desc()).limit(page.limit + 1)
    found = await _read(session, statement)
    return found[: page.limit], len(found) > page.limit


async def prune(session: AsyncSession, before: float) -> bool:
    """Remove some of the entries from before this time (unix seconds); say whether there may be more of them."""
    old = select(RequestRow.id).where(RequestRow.at < before).limit(_CHUNK)
    gone = await session.execute(
        delete(RequestRow).where(RequestRow.id.in_(old)).execution_options(synchronize_session=False)
    )
    return bool(gone.rowcount == _CHUNK)  # type: ignore[attr-defined]  # a DELETE's result is a CursorResult


def _scoped(owner: str | None) -> Select[RequestRow, str, str, str, float, float | None]:
    mine = and_(VideoRow.id == RequestRow.video_id, VideoRow.owner == RequestRow.owner)
    facts = (
        _MODEL.label("of_model"),
        _ERROR.label("code"),
        VideoRow.status,
        VideoRow.created_at,
        VideoRow.completed_at,
    )
    statement = select(RequestRow, *facts).outerjoin(VideoRow, mine)
    return statement if owner is None else statement.where(RequestRow.owner == owner)


def _wanted(page: Page) -> list[ColumnElement[bool]]:
    equal: tuple[tuple[ColumnElement[Any] | InstrumentedAttribute[Any], str | None], ...] = (
        (RequestRow.owner, page.key_id),
        (RequestRow.video_id, page.video_id),
        (_MODEL, page.model),
        (VideoRow.status, page.status),
        (_ERROR, page.error_code),
    )
    wanted = [column == value for column, value in equal if value is not None]
    if page.created_after is not None:
        wanted.append(RequestRow.at >= page.created_after)
    if page.created_before is not None:
        wanted.append(RequestRow.at < page.created_before)
    return wanted


async def _read(
    session: AsyncSession, statement: Select[RequestRow, str, str, str, float, float | None]
) -> list[Logged]:
    rows = (await session.execute(statement)).all()
    ids = {row.RequestRow.video_id for row in rows if row.status is not None}
    made = select(OutputRow.video_id, OutputRow.provider, OutputRow.cost).where(OutputRow.video_id.in_(ids))
    outputs: dict[str, list[Any]] = {video_id: [] for video_id in ids}
    for output in await session.execute(made.order_by(OutputRow.index)) if ids else ():
        outputs[output.video_id].append(output)
    return [
        Logged(
            row=row.RequestRow,
            model=row.of_model,
            error_code=row.code,
            job=_job(row, outputs[row.RequestRow.video_id]) if row.status is not None else None,
        )
        for row in rows
    ]


def _job(video: Any, outputs: list[Any]) -> Job:  # noqa: ANN401 - rows of some columns
    costs = [output.cost for output in outputs if output.cost is not None]
    return Job(
        status=video.status,
        seconds=None if video.completed_at is None else video.completed_at - video.created_at,
        providers=tuple(dict.fromkeys(output.provider for output in outputs)),
        cost=sum(costs) if costs else None,
    )
