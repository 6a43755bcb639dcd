"""Videos: accept, price, find, list, cancel, delete."""

from __future__ import annotations

import hashlib
import json
import math
import secrets
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING

from app.db import outputs, videos
from app.db.tables import OutputRow, VideoRow
from app.domain import pricing
from app.domain.catalogue import LOCAL, Mode, Price, SecondsRange
from app.domain.errors import GatewayError
from app.domain.jobs import State, seconds_text
from app.domain.pricing import Quantities
from app.domain.requests import Upload, VideoId
from app.domain.sizing import Normalised, ParameterWarning, normalise

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.db.session import Database
    from app.db.videos import Page, Video
    from app.domain.catalogue import VideoLimits
    from app.domain.plain import Json
    from app.domain.pricing import Component
    from app.domain.requests import VideoRequest
    from app.services.inputs import Gathered, Inputs
    from app.services.routing import Route, Router

_KEY_SECONDS = 24 * 3600  # how long an Idempotency-Key is remembered
_RETRY_SECONDS = 600  # how long an SDK's blind retry finds the video of its first try


@dataclass(frozen=True, slots=True)
class Plan:
    """A request worked out: where it goes, what is sent, what it costs (None: the catalogue has no price)."""

    route: Route
    sized: Normalised
    seconds: str
    inputs: list[Gathered]
    components: tuple[Component, ...] | None
    warnings: tuple[ParameterWarning, ...]


@dataclass(frozen=True, slots=True)
class Created:
    """The video of a create, and whether an earlier create had already made it."""

    video: Video
    replayed: bool = False


class Videos:
    """What clients do with videos. Every method takes the owner whose videos it may touch."""

    def __init__(
        self,
        database: Database,
        router: Router,
        inputs: Inputs,
        clock: Callable[[], float],
        job_timeout: float,
        wake: Callable[[], None],
    ) -> None:
        self._database = database
        self._router = router
        self._inputs = inputs
        self._clock = clock
        self._job_timeout = job_timeout
        self._wake = wake

    async def create(self, owner: str, request: VideoRequest, body: object, folder: Path, *, is_retry: bool) -> Created:
        """Accept a request: once this returns, the video is on disk and will be worked on.

        `body` is the parsed body, for the fingerprint; `folder` holds the request's files; `is_retry` says that the
        client's SDK sent this request before. Raises GatewayError.
        """
        fingerprint = _fingerprint(request, body)
        async with self._database.read() as session:
            known = await self._known(session, owner, request, fingerprint, is_retry=is_retry)
        if known:
            return Created(await self.get(owner, known), replayed=True)
        plan = await self.plan(owner, request, folder)
        video_id = f"video_{secrets.token_hex(16)}"
        kept = await self._inputs.keep(video_id, plan.inputs)
        row = self._row(owner, video_id, request, plan, fingerprint)
        row.order = _order(request, plan, kept)

        async def work(session: AsyncSession) -> str | None:
            winner = await self._known(session, owner, request, fingerprint, is_retry=is_retry)
            if winner:
                return winner
            session.add(row)
            await session.flush()  # outputs refer to the video
            session.add_all(self._output(row, index) for index in range(request.n))
            if request.idempotency_key:
                await videos.remember_key(session, owner, request.idempotency_key, row)
            await session.flush()
            return None

        try:
            winner = await self._database.write(work)
        except Exception:
            await self._inputs.drop(video_id)
            raise
        if winner:
            await self._inputs.drop(video_id)
            return Created(await self.get(owner, winner), replayed=True)
        self._wake()
        return Created(await self.get(owner, video_id))

    async def plan(self, owner: str, request: VideoRequest, folder: Path) -> Plan:
        """Work a request out without accepting it. Raises GatewayError."""
        route = await self._route(owner, request)
        _check_limits(request, route)
        gathered = [await self._inputs.gather_image(owner, image, folder) for image in request.images]
        gathered += [await self._inputs.gather_character(owner, character) for character in request.characters]
        if len(gathered) > route.spec.images.max:
            raise GatewayError(
                "invalid_value",
                f"{len(gathered)} input images; {route.asked} takes at most {route.spec.images.max} in this mode.",
                param=request.images[0].param if request.images else "characters",
            )
        source = 0.0
        if request.video:
            video = await self._inputs.gather_video(owner, request.video, folder)
            source = video.facts.seconds
            gathered.append(video)
        spec = route.spec
        if request.video and spec.video and source:
            spec = spec.model_copy(update={"seconds": _tail(spec.seconds, spec.video, source, request.video.param)})
        sized = normalise(request.asked, spec, strict=request.strict)
        length = source + (sized.seconds or 0) if request.video else float(sized.seconds or 0)
        bought = Quantities(
            sized.resolution,
            length if request.mode is Mode.EDIT else float(sized.seconds or 0),
            request.n,
            images=len(gathered) - bool(request.video),
            input_seconds=source,
        )
        return Plan(
            route,
            sized,
            seconds_text(length),
            gathered,
            _price(route, bought),
            (*route.warnings, *sized.warnings, *_about_the_gateway(request)),
        )

    async def get(self, owner: str, video_id: str) -> Video:
        """Return one video. Raises GatewayError video_not_found, for other owners' videos too."""
        async with self._database.read() as session:
            video = await videos.get(session, owner, video_id)
        if video is None:
            raise GatewayError("video_not_found", f"Video {video_id[:80]!r} not found.", param="video_id")
        return video

    async def list_page(self, owner: str, page: Page) -> tuple[list[Video], bool]:
        """Return a page of videos and whether more follow."""
        async with self._database.read() as session:
            return await videos.list_page(session, owner, page)

    async def cancel(self, owner: str, video_id: str) -> Video:
        """Stop a live video; a finished one is returned unchanged."""
        video = await self.get(owner, video_id)
        await self._database.write(partial(outputs.cancel, video_id=video.row.id, now=self._clock()))
        self._wake()
        return await self.get(owner, video_id)

    async def delete(self, owner: str, video_id: str) -> None:
        """Cancel what is live, forget the video and have its media removed."""
        video = await self.get(owner, video_id)

        async def work(session: AsyncSession) -> None:
            now = self._clock()
            await outputs.cancel(session, video.row.id, now)
            row = await session.get_one(VideoRow, video.row.id)
            row.deleted_at = now
            await session.flush()
            await outputs.clean_up_later(session, video.row.id, now)

        await self._database.write(work)
        self._wake()

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
                raise GatewayError(
                    "idempotency_mismatch",
                    "This Idempotency-Key was used with a different request within 24 hours; use a new key.",
                    param="idempotency_key",
                )
            return earlier.video_id
        return await videos.find_twin(session, owner, fingerprint, now - _RETRY_SECONDS) if is_retry else None

    async def _route(self, owner: str, request: VideoRequest) -> Route:
        """Route by the named model; a follow-up that names none inherits its source's."""
        if request.model is None and request.video and isinstance(request.video.ref, VideoId):
            async with self._database.read() as session:
                source = await videos.get(session, owner, request.video.ref.id)
            if source:
                return self._router.route_follow_up(source.row.model, request.mode)
        if request.model is None:
            return self._router.route_follow_up(self._router.default_model, request.mode)
        return self._router.route(request.model, request.mode)

    def _row(self, owner: str, video_id: str, request: VideoRequest, plan: Plan, fingerprint: str) -> VideoRow:
        return VideoRow(
            id=video_id,
            owner=owner,
            model=plan.route.asked,
            executed_model=plan.route.executed_model,
            provider=plan.route.provider,
            mode=request.mode,
            prompt=request.prompt,
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
            created_at=self._clock(),
        )

    def _output(self, video: VideoRow, index: int) -> OutputRow:
        return OutputRow(
            id=f"out_{secrets.token_hex(16)}",
            video_id=video.id,
            index=index,
            state=State.QUEUED,
            progress=0,
            run_at=video.created_at,
            fence=0,
            attempts=0,
            deadline=video.created_at + self._job_timeout,
            provider=video.provider,
            cleanup=False,
        )


def _order(request: VideoRequest, plan: Plan, inputs: Json) -> dict[str, Json]:
    """Write down what the engine needs to do the work, today or after a restart."""
    extra: Json = json.loads(json.dumps(dict(request.extra)))
    return {
        "model": plan.route.model.id,
        "mode": request.mode.value,
        "endpoint": plan.route.spec.endpoint,
        "prompt": request.prompt,
        "ratio": plan.sized.ratio,
        "resolution": plan.sized.resolution,
        "seconds": plan.sized.seconds,
        "inputs": inputs,
        "extra": extra,
    }


def _check_limits(request: VideoRequest, route: Route) -> None:
    limit = route.model.prompt_limit
    if len(request.prompt) > limit:
        raise GatewayError(
            "invalid_value",
            f"Invalid prompt: {len(request.prompt)} characters; {route.asked} takes at most {limit}.",
            param="prompt",
        )


def _tail(offered: SecondsRange | None, limits: VideoLimits, source: float, param: str) -> SecondsRange | None:
    """Check an input video's length and return which tails still fit behind it (None: the mode has no tail)."""
    most = limits.max_seconds
    if offered and limits.max_total_seconds:
        most = min(most, limits.max_total_seconds - offered.min)
    # Files run a frame or two over their nominal length: a "15 s" clip lasts 15.04 s.
    if not limits.min_seconds <= source <= most + 0.1:
        raise GatewayError(
            "invalid_video",
            f"{param}: the video lasts {seconds_text(source)} s; this mode takes {limits.min_seconds:g} to {most:g} s.",
            param=param,
        )
    if offered is None or limits.max_total_seconds is None:
        return offered
    room = max(offered.min, min(offered.max, math.floor(limits.max_total_seconds - source + 0.1)))
    return SecondsRange(min=offered.min, max=room, default=min(offered.default, room))


def _price(route: Route, bought: Quantities) -> tuple[Component, ...] | None:
    spec = route.spec.model_copy(update={"price": Price()}) if route.provider == LOCAL else route.spec
    return pricing.estimate(spec, bought)


def _about_the_gateway(request: VideoRequest) -> list[ParameterWarning]:
    """Say what the gateway itself does differently from what was asked."""
    found: list[ParameterWarning] = []
    if request.characters:
        message = "characters are sent as reference images of their video."
        found.append(ParameterWarning("characters", "emulated", ", ".join(request.characters), None, message))
    if request.webhook_url:
        message = "webhook_url is not served yet: poll the video instead."
        found.append(ParameterWarning("webhook_url", "ignored", request.webhook_url, None, message))
    return found


def _fingerprint(request: VideoRequest, body: object) -> str:
    """Hash the parsed request, files by their content: a retried multipart has a new boundary but the same hash."""
    text = json.dumps([request.mode, request.remixed_from, body], sort_keys=True, default=_by_content)
    return hashlib.sha256(text.encode()).hexdigest()


def _by_content(value: object) -> str:
    return f"sha256:{value.sha256}" if isinstance(value, Upload) else repr(value)
