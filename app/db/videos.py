"""Videos: one row per create request, always asked for by owner."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, func, insert, literal, select, tuple_

from app.db import webhooks
from app.db.outputs import lock_video
from app.db.rows import table_of, values_of
from app.db.search import folded, position
from app.db.session import will_change
from app.db.tables import BY_TIME, IdempotencyRow, OutputRow, SubmissionRow, VideoRow

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncSession

    from app.domain.jobs import Operation


@dataclass(frozen=True, slots=True)
class Video:
    """A video with its outputs, in order of their index."""

    row: VideoRow
    outputs: Sequence[OutputRow]

    def expired(self, now: float) -> bool:
        """Say whether its files are given up at `now` (unix seconds): from the very second that clients are told."""
        return self.row.expires_at is not None and int(self.row.expires_at) <= now

    def expires_after(self, now: float) -> float:
        """Return when that will be (unix seconds); infinite where it has been, or never will."""
        return math.inf if self.row.expires_at is None or self.expired(now) else int(self.row.expires_at)

    def output(self, index: int | None) -> OutputRow | None:
        """Return one output; without an index the first that is stored, or just the first when none is."""
        if index is None:
            return next((output for output in self.outputs if output.media_key), self.outputs[0])
        return self.outputs[index] if index < len(self.outputs) else None


@dataclass(frozen=True, slots=True)
class Page:
    """What a listing asks for; times are unix seconds.

    `provider` makes one of the outputs; `prompt` stands somewhere in the prompt, in whatever case.
    """

    after: str | None = None
    limit: int = 20
    ascending: bool = False
    status: str | None = None
    model: str | None = None
    provider: str | None = None
    prompt: str | None = None
    created_after: float | None = None
    created_before: float | None = None


# The statements of a create are made once, and of tables: each takes a third of the time that one of classes takes.
_VIDEOS = table_of(VideoRow)
_ADD, _ADD_OUTPUTS = insert(_VIDEOS), insert(table_of(OutputRow))
_TWIN = (
    select(_VIDEOS.c.id)
    .where(
        _VIDEOS.c.owner == bindparam("of"),
        _VIDEOS.c.fingerprint == bindparam("same"),
        _VIDEOS.c.created_at >= bindparam("since"),
        _VIDEOS.c.deleted_at.is_(None),
    )
    .order_by(_VIDEOS.c.created_at.desc())
    .limit(1)
)
_RETRIED_TWIN = _TWIN.where(_VIDEOS.c.retried)


async def add(session: AsyncSession, video: Video) -> None:
    """Store a new video with its outputs; their rows stay what they are, and are not the session's."""
    will_change(session, video.row.id)
    await session.execute(_ADD, values_of(video.row))
    await session.execute(_ADD_OUTPUTS, [values_of(output) for output in video.outputs])


async def get(session: AsyncSession, owner: str, video_id: str) -> Video | None:
    """Return one video of this owner, unless it was deleted."""
    row = await session.scalar(
        select(VideoRow).where(VideoRow.id == video_id, VideoRow.owner == owner, VideoRow.deleted_at.is_(None))
    )
    return None if row is None else Video(row, await _outputs(session, [video_id]))


async def get_of_any(session: AsyncSession, video_id: str) -> Video | None:
    """Return a video whoever owns it: for admins who read, the holder of a link that we signed, and nobody else."""
    found = await get_all(session, [video_id])
    return found[0] if found else None


async def get_all(session: AsyncSession, video_ids: Collection[str]) -> list[Video]:
    """Return those of these videos that were not deleted, whoever owns them."""
    wanted = select(VideoRow).where(VideoRow.id.in_(video_ids), VideoRow.deleted_at.is_(None))
    return await _whole(session, (await session.scalars(wanted)).all())


async def input_type(session: AsyncSession, video_id: str, index: int) -> str | None:
    """Return the MIME type of one input of a video."""
    order = await session.scalar(select(VideoRow.order).where(VideoRow.id == video_id))
    inputs = order["inputs"] if order else None
    item = inputs[index] if isinstance(inputs, list) and 0 <= index < len(inputs) else None
    return str(item["content_type"]) if isinstance(item, dict) else None


async def live_ids(session: AsyncSession, owner: str) -> Sequence[str]:
    """Return the ids of this owner's videos that have not ended."""
    live = select(VideoRow.id).where(VideoRow.owner == owner, VideoRow.status.in_(("queued", "in_progress")))
    return (await session.scalars(live)).all()


async def list_page(session: AsyncSession, owner: str | None, page: Page) -> tuple[list[Video], bool]:
    """Return a page of an owner's videos (None: everybody's), newest first unless `ascending`, and whether more follow.

    An `after` that this owner does not have is the end of the list, so nothing can be learnt of others' ids.
    """
    mine = () if owner is None else (VideoRow.owner == owner,)
    order = (BY_TIME if owner is None else VideoRow.created_at, VideoRow.id)
    statement = select(VideoRow).where(*mine, VideoRow.deleted_at.is_(None), *_wanted(page))
    if page.after is not None:
        cursor = await session.scalar(select(VideoRow).where(VideoRow.id == page.after, *mine))
        if cursor is None:
            return [], False
        here = tuple_(literal(cursor.created_at), literal(cursor.id))
        statement = statement.where(tuple_(*order) > here if page.ascending else tuple_(*order) < here)
    statement = statement.order_by(*(order if page.ascending else [column.desc() for column in order]))
    rows = (await session.scalars(statement.limit(page.limit + 1))).all()
    return await _whole(session, rows[: page.limit]), len(rows) > page.limit


def _wanted(page: Page) -> Iterator[ColumnElement[bool]]:
    if page.status is not None:
        yield VideoRow.status == page.status
    if page.model is not None:
        yield VideoRow.model == page.model
    if page.provider is not None:
        # Counted per video: asked whether there is one, Postgres may begin with everybody's outputs.
        theirs = (OutputRow.video_id == VideoRow.id, OutputRow.provider == page.provider)
        yield select(func.count()).select_from(OutputRow).where(*theirs).scalar_subquery() > 0
    if page.prompt is not None:
        yield position(VideoRow.prompt_folded, folded(page.prompt)) > 0
    if page.created_after is not None:
        yield VideoRow.created_at >= page.created_after
    if page.created_before is not None:
        yield VideoRow.created_at < page.created_before


async def _whole(session: AsyncSession, rows: Sequence[VideoRow]) -> list[Video]:
    by_video: dict[str, list[OutputRow]] = {row.id: [] for row in rows}
    for output in await _outputs(session, list(by_video)):
        by_video[output.video_id].append(output)
    return [Video(row, by_video[row.id]) for row in rows]


async def _outputs(session: AsyncSession, video_ids: list[str]) -> Sequence[OutputRow]:
    statement = select(OutputRow).where(OutputRow.video_id.in_(video_ids)).order_by(OutputRow.video_id, OutputRow.index)
    return (await session.scalars(statement.execution_options(populate_existing=True))).all()


async def find_by_key(session: AsyncSession, owner: str, key: str, since: float) -> IdempotencyRow | None:
    """Return what this Idempotency-Key made, if it was used at or after `since`."""
    row = await session.get(IdempotencyRow, (owner, key))
    return row if row is not None and row.created_at >= since else None


async def find_twin(
    session: AsyncSession, owner: str, fingerprint: str, since: float, *, retried: bool = False
) -> str | None:
    """Return the id of the newest video this owner made from the same request at or after `since`.

    With `retried`, only one that an SDK's retry made: while its first try was still on its way.
    """
    values = {"of": owner, "same": fingerprint, "since": since}
    return await session.scalar(_RETRIED_TWIN if retried else _TWIN, values)


async def remember_key(session: AsyncSession, owner: str, key: str, video: VideoRow) -> None:
    """Tie an Idempotency-Key to the video, replacing an expired use of it."""
    await session.merge(
        IdempotencyRow(
            owner=owner, key=key, fingerprint=video.fingerprint, video_id=video.id, created_at=video.created_at
        )
    )


async def forget(session: AsyncSession, video_id: str) -> None:
    """Blank what a deleted video says of its owner, and free the Idempotency-Key that made it.

    What accounts need stays (times, models, costs), and so do the handles by which cleanup cancels upstream.
    """
    await lock_video(session, video_id)
    video = await session.get_one(VideoRow, video_id, populate_existing=True)
    video.prompt, video.prompt_folded, video.fingerprint, video.user, video.error_message = "", "", "", None, None
    video.pairs, video.warnings, video.order = {}, [], {"offers": [], "inputs": []}
    outputs = await _outputs(session, [video_id])
    for output in outputs:
        output.error_message, output.result, output.history = None, None, []
        output.operation = _handle(output.operation)
    sent = select(SubmissionRow).where(SubmissionRow.output_id.in_([output.id for output in outputs]))
    for submission in await session.scalars(sent.execution_options(populate_existing=True)):
        submission.error, submission.operation = None, _handle(submission.operation)
    video.webhook_url, video.base_url = None, None
    await session.flush()
    await webhooks.forget(session, video_id)
    key = delete(IdempotencyRow).where(IdempotencyRow.owner == video.owner, IdempotencyRow.video_id == video_id)
    await session.execute(key.execution_options(synchronize_session="fetch"))


def _handle(operation: Operation | None) -> Operation | None:
    """Keep the words of a provider's handle; what is larger is the order itself, as the local preview's."""
    plain = (operation or {}).items()
    return operation and {name: value for name, value in plain if not isinstance(value, dict | list)}
