"""Videos: accept, price, find, list, cancel, delete."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING

from app import tracing
from app.db import outputs, videos
from app.db.search import folded
from app.db.session import DatabaseUnavailable
from app.db.tables import OutputRow, VideoRow
from app.db.videos import Video
from app.domain import offers, pricing
from app.domain.errors import GatewayError
from app.domain.jobs import State
from app.domain.limits import UNLIMITED
from app.domain.requests import Upload
from app.services.budgets import check_number, dearest, reserve
from app.services.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.db.session import Database
    from app.db.videos import Page
    from app.domain.limits import Limits
    from app.domain.plain import Json
    from app.domain.requests import VideoRequest
    from app.services.accounts import Caller
    from app.services.inputs import Gathered, Inputs
    from app.services.planning import Plan, Planner

_KEY_SECONDS = 24 * 3600  # how long an Idempotency-Key is remembered
_LONG_TEXT = 65_536  # characters
_PATIENCE_SECONDS = (0.1, 0.5, 1.0, 3.0, 6.0)  # between two tries to read what was just written
_RETRY_SECONDS = 600  # how long an SDK's blind retry finds the video of its first try


@dataclass(frozen=True, slots=True)
class Created:
    """The video of a create, and whether an earlier create had already made it."""

    video: Video
    replayed: bool = False


class Videos:
    """What clients do with videos. Every method takes the owner whose videos it may touch, or who wants to look."""

    def __init__(
        self,
        database: Database,
        planner: Planner,
        inputs: Inputs,
        clock: Callable[[], float],
        job_timeout: float,
        keep: float | None = None,
        tally: Tally | None = None,
    ) -> None:
        self._database = database
        self._planner = planner
        self._inputs = inputs
        self._clock = clock
        self._job_timeout = job_timeout
        self._tally = tally or Tally()
        self._keep_seconds = keep  # from its completion for which a video is kept

    async def create(
        self,
        owner: str,
        request: VideoRequest,
        body: Mapping[str, object],
        folder: Path,
        *,
        is_retry: bool,
        base_url: str | None = None,
        request_id: str | None = None,
        limits: Limits = UNLIMITED,
    ) -> Created:
        """Accept a request: once this returns, the video is on disk and will be worked on.

        `body` is the parsed body, for the fingerprint; `folder` holds the request's files; `is_retry` says that the
        client's SDK sent this request before; `base_url` is our address as the client knows it, and `request_id` the
        request's x-request-id. Raises GatewayError.
        """
        fingerprint, arrived_at = _fingerprint(request, body), self._clock()
        if request.idempotency_key or is_retry:
            async with self._database.read() as session:
                known = await self._known(session, owner, request, fingerprint, is_retry=is_retry)
            if known:
                return Created(await self.get(owner, known), replayed=True)
        check_number(limits, request.n)
        plan = await self._planner.plan(owner, request, folder, limits)
        video_id = f"video_{secrets.token_hex(16)}"
        row = self._row(owner, video_id, request, plan, fingerprint)
        row.order = _order(request, plan, await self._keep(video_id, plan.inputs))

        row.retried, row.base_url = is_retry, base_url
        row.request_id, row.traceparent = request_id, tracing.traceparent()
        made = Video(row, [self._output(row, index, dearest(plan.offers)) for index in range(request.n)])

        async def work(session: AsyncSession) -> str | None:
            await self._database.hold(session, f"create:{owner}:{request.idempotency_key or fingerprint}")
            winner = await self._known(session, owner, request, fingerprint, is_retry=is_retry)
            if winner is None and not request.idempotency_key:
                winner = await videos.find_twin(session, owner, fingerprint, arrived_at, retried=True)
            if winner:
                return winner
            await videos.add(session, made)
            if request.idempotency_key:
                await videos.remember_key(session, owner, request.idempotency_key, row)
                await session.flush()
            await reserve(session, owner, plan.offers, request.n, self._clock())
            return None

        try:
            winner = await self._database.write(work, State.QUEUED, brief=True)
        except DatabaseUnavailable:  # it may have been committed all the same: the sweep removes what nobody names
            raise
        except Exception:
            await self._inputs.drop(video_id)
            raise
        if winner is None:
            return Created(made)
        await self._inputs.drop(video_id)
        return Created(await self._kept(owner, winner), replayed=True)

    async def _kept(self, owner: str, video_id: str) -> Video:
        """Return a video that is known to be there: what has been accepted is not refused for a moment's trouble."""
        for pause in _PATIENCE_SECONDS:
            try:
                return await self.get(owner, video_id)
            except DatabaseUnavailable:
                await asyncio.sleep(pause)
        return await self.get(owner, video_id)

    async def _keep(self, video_id: str, gathered: list[Gathered]) -> Json:
        """Keep all inputs or none, also when the request is given up meanwhile."""
        try:
            return await self._inputs.keep(video_id, gathered)
        except BaseException:
            await self._inputs.drop(video_id)
            raise

    async def get(self, owner: str, video_id: str) -> Video:
        """Return one video. Raises GatewayError video_not_found, for other owners' videos too."""
        async with self._database.read() as session:
            return _found(await videos.get(session, owner, video_id), video_id)

    async def read(self, caller: Caller, video_id: str) -> Video:
        """Return one video to look at: an admin may see everybody's. Raises GatewayError video_not_found."""
        async with self._database.read() as session:
            if caller.role == "admin":
                return _found(await videos.get_of_any(session, video_id), video_id)
            return _found(await videos.get(session, caller.owner, video_id), video_id)

    async def list_page(self, owner: str | None, page: Page) -> tuple[list[Video], bool]:
        """Return a page of this owner's videos (None: everybody's) and whether more follow."""
        async with self._database.read() as session:
            return await videos.list_page(session, owner, page)

    async def cancel(self, owner: str, video_id: str) -> Video:
        """Stop a live video; a finished one is returned unchanged."""
        video = await self.get(owner, video_id)
        stop = partial(outputs.cancel, video_id=video.row.id, now=self._clock(), keep=self._keep_seconds)
        self._cancelled(video, await self._database.write(stop, news="work"))
        return await self.get(owner, video_id)

    async def delete(self, owner: str, video_id: str) -> None:
        """Cancel what is live, forget the video and have its media removed."""
        video = await self.get(owner, video_id)

        async def work(session: AsyncSession) -> int:
            now = self._clock()
            live = await outputs.cancel(session, video.row.id, now)
            row = await session.get_one(VideoRow, video.row.id)
            row.deleted_at = now
            await session.flush()
            await videos.forget(session, video.row.id)
            await outputs.clean_up_later(session, video.row.id, now)
            return live

        self._cancelled(video, await self._database.write(work, news="work"))

    def _cancelled(self, video: Video, live: int) -> None:
        """Count outputs that were cancelled, by what the video says of who makes them."""
        if live:
            provider, _, model = video.row.executed_model.partition("/")
            self._tally.ended(provider, model, "cancelled", live)

    async def _known(
        self, session: AsyncSession, owner: str, request: VideoRequest, fingerprint: str, *, is_retry: bool
    ) -> str | None:
        """Return the video that an earlier send of this very request made. Raises GatewayError idempotency_mismatch."""
        now = self._clock()
        if request.idempotency_key:
            earlier = await videos.find_by_key(session, owner, request.idempotency_key, now - _KEY_SECONDS)
            if earlier is None:
                return None
            if earlier.fingerprint != fingerprint:
                message = "This Idempotency-Key was used with a different request within 24 hours; use a new key."
                raise GatewayError("idempotency_mismatch", message, param="idempotency_key")
            return earlier.video_id
        return await videos.find_twin(session, owner, fingerprint, now - _RETRY_SECONDS) if is_retry else None

    def _row(self, owner: str, video_id: str, request: VideoRequest, plan: Plan, fingerprint: str) -> VideoRow:
        return VideoRow(
            id=video_id,
            owner=owner,
            model=plan.route.asked,
            executed_model=f"{plan.offers[0].provider}/{plan.offers[0].model}",
            provider=plan.offers[0].provider,
            mode=request.mode,
            prompt=request.prompt,
            prompt_folded=folded(request.prompt),
            n=request.n,
            size=plan.sized.size,
            seconds=plan.seconds,
            status="queued",
            progress=0,
            remixed_from=request.remixed_from,
            cost_estimate=pricing.total(plan.components) if plan.components else None,
            pairs=dict(request.metadata),
            warnings=[asdict(warning) for warning in plan.warnings],
            user=request.user,
            fingerprint=fingerprint,
            webhook_url=request.webhook_url,
            created_at=self._clock(),
        )

    def _output(self, video: VideoRow, index: int, estimate: int | None) -> OutputRow:
        return OutputRow(
            id=f"out_{secrets.token_hex(16)}",
            video_id=video.id,
            owner=video.owner,
            index=index,
            state=State.QUEUED,
            progress=0,
            run_at=video.created_at,
            fence=0,
            attempts=0,
            deadline=video.created_at + self._job_timeout,
            provider=video.provider,
            offer=0,
            history=[],
            cleanup=False,
            estimate=estimate,
            reserved=estimate or 0,
            booked=0,
            in_flight=True,
        )


def _found(video: Video | None, video_id: str) -> Video:
    if video is None:
        raise GatewayError("video_not_found", f"Video {video_id[:80]!r} not found.", param="video_id")
    return video


def _order(request: VideoRequest, plan: Plan, inputs: Json) -> dict[str, Json]:
    """Write down what the engine needs to do the work, today or after a restart."""
    extra: Json = json.loads(json.dumps(dict(request.extra)))
    return {
        "mode": request.mode.value,
        "prompt": request.prompt,
        "offers": offers.dump(plan.offers),
        "inputs": inputs,
        "extra": extra,
        "user": request.user,
    }


def _fingerprint(request: VideoRequest, body: Mapping[str, object]) -> str:
    """Hash the parsed request, files by their content: a retried multipart has a new boundary but the same hash."""
    asked = {name: _short(value) for name, value in body.items() if name != "idempotency_key"}  # the header's, too
    text = json.dumps([request.mode, request.remixed_from, asked], sort_keys=True, default=_by_content)
    return hashlib.sha256(text.encode()).hexdigest()


def _short(value: object) -> object:
    """Put hashes in the place of long texts: data URIs are megabytes, of which no more copies are made than needed."""
    if isinstance(value, str) and len(value) > _LONG_TEXT:
        return f"sha256:{hashlib.sha256(value.encode()).hexdigest()}"
    if isinstance(value, dict):
        return {name: _short(item) for name, item in value.items()}
    return [_short(item) for item in value] if isinstance(value, list) else value


def _by_content(value: object) -> str:
    return f"sha256:{value.sha256}" if isinstance(value, Upload) else repr(value)
