"""Work a request out before anything is accepted: where it goes, what is sent, what it costs."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias, assert_never

from app.db import videos
from app.domain import pricing
from app.domain.catalogue import LOCAL, Mode, Price, SecondsRange
from app.domain.errors import GatewayError
from app.domain.limits import UNLIMITED
from app.domain.misspelt import misspelt, refuse
from app.domain.offers import Offer, Shown, tails_behind
from app.domain.pricing import Quantities
from app.domain.public_state import seconds_text
from app.domain.requests import VideoId
from app.domain.shapes import normalise_for
from app.domain.sizing import Normalised, ParameterWarning
from app.domain.verbatim import own_words
from app.services.permissions import check_model, permitted

if TYPE_CHECKING:
    from pathlib import Path

    from app.db.session import Database
    from app.domain.catalogue import VideoLimits, Wire
    from app.domain.limits import Limits
    from app.domain.pricing import Component
    from app.domain.requests import VideoRequest
    from app.services.inputs import Gathered, Inputs
    from app.services.pace import Pace
    from app.services.routing import Route, Router


Preference: TypeAlias = Literal["order", "cheapest", "fastest"]


@dataclass(frozen=True, slots=True)
class Plan:
    """A request worked out: where it goes, what is sent, what it costs (None: the catalogue has no price)."""

    route: Route
    sized: Normalised
    seconds: str
    inputs: list[Gathered]
    components: tuple[Component, ...] | None
    warnings: tuple[ParameterWarning, ...]
    offers: list[Offer]


@dataclass(frozen=True, slots=True)
class _Way:
    """One provider's way to serve a request."""

    route: Route
    sized: Normalised
    bought: Quantities
    shown: Shown
    offer: Offer


class Planner:
    """Works requests out; asking twice costs nothing and changes nothing."""

    def __init__(
        self, database: Database, router: Router, inputs: Inputs, pace: Pace, preference: Preference = "order"
    ) -> None:
        self._pace = pace
        self._preference: Preference = preference
        self._database = database
        self._router = router
        self._inputs = inputs

    async def plan(self, owner: str, request: VideoRequest, folder: Path, limits: Limits = UNLIMITED) -> Plan:
        """Work a request out without accepting it, within the limits of who asks. Raises GatewayError."""
        route = await self._route(owner, request)
        check_model(limits, route)
        _check_limits(request, route)
        if request.strict and route.warnings:
            raise GatewayError("unsupported_value", f"{route.warnings[0].message} strict is true.", param="model")
        strange = () if route.spec.verbatim else misspelt(request.extra)
        if request.strict:
            refuse(strange)
        gathered = [await self._inputs.gather_image(owner, image, folder) for image in request.images]
        gathered += [await self._inputs.gather_character(owner, character) for character in request.characters]
        source = 0.0
        if request.video:
            video = await self._inputs.gather_video(owner, request.video, folder)
            source = video.facts.seconds
            gathered.append(video)
        best, *others = self._ranked(permitted(limits, self._ways(request, route, source, gathered)))
        return Plan(
            best.route,
            best.sized,
            best.shown.seconds,
            gathered,
            _price(best.route, best.bought),
            (*route.warnings, *best.shown.warnings, *strange, *_about_the_gateway(request)),
            [way.offer for way in (best, *others)],
        )

    def _ways(self, request: VideoRequest, first: Route, source: float, inputs: list[Gathered]) -> list[_Way]:
        """Work out every way to serve the request, in order of preference: the client's pin, else each provider.

        A provider that cannot do it is left out, under `strict` also one that would have to convert. Raises
        GatewayError, that of the first, when nobody is left.
        """
        pinned = first.asked.partition("/")[0] in self._router.providers
        others = [] if pinned else [name for name in self._router.providers if name != first.provider]
        found: list[_Way] = []
        refusal: GatewayError | None = None
        try:
            found.append(_way(request, first, source, inputs))
        except GatewayError as error:
            refusal = error
        for provider in others:
            with suppress(GatewayError):
                route = self._router.route(f"{provider}/{first.model.id}", request.mode)
                found.append(_way(request, replace(route, asked=first.asked), source, inputs))
        if refusal and not found:
            raise refusal
        return found

    def _ranked(self, ways: list[_Way]) -> list[_Way]:
        """Order the ways as the operator wants them tried; equals stay in the order of preference."""
        match self._preference:
            case "order":
                return ways
            case "cheapest":
                return sorted(ways, key=lambda way: (way.offer.estimate is None, way.offer.estimate or 0))
            case "fastest":
                return sorted(ways, key=lambda way: self._pace.usual(way.offer.provider, way.offer.endpoint))
            case _:
                assert_never(self._preference)

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


def _way(request: VideoRequest, route: Route, source: float, gathered: list[Gathered]) -> _Way:
    """Work out what this provider would be sent. Raises GatewayError where it cannot serve the request."""
    inputs = len(gathered)
    images = inputs - bool(request.video)
    if images > route.spec.images.max:
        raise GatewayError(
            "invalid_value",
            f"{images} input images; {route.asked} takes at most {route.spec.images.max} in this mode.",
            param=request.images[0].param if request.images else "characters",
        )
    frame = (gathered[0].facts.width, gathered[0].facts.height) if request.mode is Mode.IMAGE else (0, 0)
    sized, wire = _size(request, route, source, frame)
    bought = _bought(request, sized, source, inputs)
    components = _price(route, replace(bought, n=1))
    length = bought.input_seconds + (sized.seconds or 0)
    shown = Shown(sized.size, seconds_text(length), (*sized.warnings, *_about_the_price(route, components)))
    exactly = request.strict and request.asked.seconds is not None
    offer = Offer(
        provider=route.provider,
        model=route.model.id,
        endpoint=route.spec.endpoint,
        ratio=sized.ratio,
        resolution=sized.resolution,
        seconds=sized.seconds,
        wire=wire,
        video=route.spec.video,
        tails=route.spec.seconds if request.video and not exactly else None,
        estimate=None if components is None else pricing.total(components),
        shown=shown,
    )
    return _Way(route, sized, bought, shown, offer)


def _size(request: VideoRequest, route: Route, source: float, frame: tuple[int, int]) -> tuple[Normalised, Wire]:
    """Say what is sent of size and seconds, and in which words; `frame` is that of the first image, if it is known."""
    spec = route.spec
    if spec.verbatim:
        return own_words(request, spec)
    if request.video and spec.video and source:
        spec = spec.model_copy(update={"seconds": _tail(spec.seconds, spec.video, source, request.video.param)})
    return normalise_for(frame, request.asked, spec, strict=request.strict), spec.wire


def _bought(request: VideoRequest, sized: Normalised, source: float, inputs: int) -> Quantities:
    """Say what a request buys; `source` is the input video's length in seconds."""
    return Quantities(
        sized.resolution,
        source if request.mode is Mode.EDIT else float(sized.seconds or 0),
        request.n,
        images=inputs - bool(request.video),
        input_seconds=source,
    )


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
    return offered and tails_behind(offered, limits, source)


def _price(route: Route, bought: Quantities) -> tuple[Component, ...] | None:
    """Estimate in the provider's prices; None where it has none, or where an input video's length is not known yet."""
    if route.provider == LOCAL:
        return pricing.estimate(route.spec.model_copy(update={"price": Price()}), bought)
    if route.spec.video and not bought.input_seconds:
        return None
    return pricing.estimate(route.spec, bought)


def _about_the_price(route: Route, components: tuple[Component, ...] | None) -> list[ParameterWarning]:
    """Say why there is no estimate, where there is none."""
    if components is not None:
        return []
    known = route.spec.price is not None
    what = "depends on the length of the input video, which is not known yet" if known else "is not known"
    message = f"the price of {route.executed_model} {what}: there is no estimate."
    return [ParameterWarning("model", "unpriced", route.asked, route.executed_model, message)]


def _about_the_gateway(request: VideoRequest) -> list[ParameterWarning]:
    """Say what the gateway itself does differently from what was asked."""
    found: list[ParameterWarning] = []
    if request.characters:
        message = "characters are sent as reference images of their video."
        found.append(ParameterWarning("characters", "emulated", ", ".join(request.characters), None, message))
    return found
