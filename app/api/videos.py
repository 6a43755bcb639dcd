"""/videos: create, dry run, delete, cancel, remix, edits, extensions; see `video_reads` for what only reads."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse

from app.api import docs, schemas
from app.api.deps import Client, Folder, Gateway, Maker, Services, base_url
from app.api.forms import Body, read_body
from app.api.noted import forget, note
from app.api.present import executed_by, video_object
from app.db.videos import Video
from app.domain.catalogue import Mode
from app.domain.errors import GatewayError, invalid
from app.domain.plain import Json
from app.domain.pricing import total
from app.domain.references import NamedRef, Url, VideoId, content_link
from app.domain.requests import VideoRequest, parse
from app.domain.sizing import ParameterWarning
from app.services.accounts import Caller
from app.services.audit import audit
from app.services.planning import Plan

router = APIRouter(tags=["videos"])

_CREATE_DOC = docs.body(docs.CREATE, ["prompt"], "input_reference", "reference_images", "input_video")
_EDIT_DOC = docs.body(docs.EDIT, ["prompt", "video"], "video")
_makes = partial(router.post, response_model=schemas.VideoOrEstimate, responses=docs.errors(*docs.INVALID))


@dataclass(frozen=True, slots=True)
class Posted:
    """A request for a video as it came: its body, whose it is, and whether only the price is wanted."""

    request: Request
    gateway: Gateway
    caller: Caller
    folder: Path
    body: Body
    dry_run: bool


async def get_posted(
    request: Request,
    gateway: Services,
    caller: Maker,
    folder: Folder,
    dry_run: Annotated[bool, Query(alias="dryRun", description="Validate and price only; makes no job.")] = False,  # noqa: FBT002 - a query parameter
) -> Posted:
    """Read a request for a video. Raises GatewayError."""
    if dry_run:
        forget(request)
    return Posted(request, gateway, caller, folder, await read_body(request, folder), dry_run)


Post = Annotated[Posted, Depends(get_posted)]


@_makes("/videos", openapi_extra=_CREATE_DOC)
@_makes("/videos/generations", openapi_extra=_CREATE_DOC, include_in_schema=False)
async def create_video(posted: Post) -> JSONResponse:
    """Make a video from text, an image, reference images or a video."""
    return await _accept(posted, parse(posted.body))


@_makes("/videos/edits", openapi_extra=_EDIT_DOC)
async def edit_video(posted: Post) -> JSONResponse:
    """Change a video."""
    return await _accept(posted, parse(posted.body, Mode.EDIT))


@_makes("/videos/extensions", openapi_extra=_EDIT_DOC)
async def extend_video(posted: Post) -> JSONResponse:
    """Continue a video; `seconds` is the length of the new part."""
    return await _accept(posted, parse(posted.body, Mode.EXTEND))


@_makes("/videos/{video_id}/remix", openapi_extra=docs.body(docs.REMIX, ["prompt"]))
async def remix_video(video_id: str, posted: Post) -> JSONResponse:
    """Edit a finished video; the result remembers where it came from."""
    posted = replace(posted, body={**posted.body, "video": {"id": video_id}})
    remix = replace(parse(posted.body, Mode.EDIT), remixed_from=video_id)
    await posted.gateway.videos.get(posted.caller.owner, video_id)
    return await _accept(posted, remix)


_ENDING = docs.errors("video_not_found", "permission_denied")


@router.delete("/videos/{video_id}", response_model=schemas.VideoDeleted, responses=_ENDING)
async def delete_video(video_id: str, request: Request, gateway: Services, caller: Client) -> JSONResponse:
    """Cancel the video if it is live, and remove it with its media; with an admin key, what no live key holds, too."""
    owner = await _whose_to_end(gateway, caller, video_id)
    await gateway.videos.delete(owner, video_id)
    _audited("video.delete", caller, owner, video_id)
    note(request, video_id=video_id)
    return JSONResponse({"id": video_id, "object": "video.deleted", "deleted": True})


@router.post("/videos/{video_id}/cancel", response_model=schemas.VideoToRead, responses=_ENDING)
async def cancel_video(video_id: str, request: Request, gateway: Services, caller: Client) -> JSONResponse:
    """Stop a live video; a finished one is returned unchanged. An admin key stops those that no live key holds."""
    owner = await _whose_to_end(gateway, caller, video_id)
    video = await gateway.videos.cancel(owner, video_id)
    _audited("video.cancel", caller, owner, video.row.id)
    note(request, video_id=video.row.id)
    return answer(request, gateway, video, keyed=owner != caller.owner)


async def _whose_to_end(gateway: Gateway, caller: Caller, video_id: str) -> str:
    """Return the owner in whose name the caller cancels or deletes a video. Raises GatewayError."""
    owner = (await gateway.videos.read(caller, video_id)).row.owner
    if not await gateway.accounts.may_end(caller, owner):
        message = (
            f"This video is of the key {owner!r}: an admin key may look at it, but only its own cancels or deletes it. "
            "Revoking that key with cancel=true stops all that it ordered, and lets an admin key delete it."
        )
        raise GatewayError("permission_denied", message, param="video_id")
    return owner


def _audited(action: str, caller: Caller, owner: str, video_id: str) -> None:
    """Tell the audit trail what an admin did to a video that is not its own."""
    if owner != caller.owner:
        audit(action, who=caller.owner, target=video_id, key=owner)


async def _accept(posted: Posted, wanted: VideoRequest) -> JSONResponse:
    """Create the video, or only price it."""
    request, gateway, owner, limits = posted.request, posted.gateway, posted.caller.owner, posted.caller.limits
    note(request, model=wanted.model)
    wanted = _with_own_link(request, gateway, _with_key_of(request, wanted))
    if wanted.webhook_url:
        await gateway.webhooks.check(owner, wanted.webhook_url, "webhook_url")
    if posted.dry_run:
        plan = await gateway.planner.plan(owner, wanted, posted.folder, limits)
        shortfall = await gateway.budgets.shortfall(posted.caller, plan.offers, wanted.n)
        return JSONResponse(_estimate(wanted, plan, shortfall))
    retries = request.headers.get("x-stainless-retry-count", "0")
    is_retry = retries.isascii() and retries.isdigit() and int(retries[:4]) > 0
    address = base_url(request, gateway)
    created = await gateway.videos.create(
        owner,
        wanted,
        posted.body,
        posted.folder,
        is_retry=is_retry,
        base_url=address,
        request_id=request.state.request_id,
        limits=limits,
    )
    note(request, model=created.video.row.model, video_id=created.video.row.id)
    headers = {"idempotent-replayed": "true"} if created.replayed else {}
    return answer(request, gateway, created.video, headers)


def _with_key_of(request: Request, wanted: VideoRequest) -> VideoRequest:
    """Take the Idempotency-Key header, bare or quoted as a structured field; it beats the body's."""
    header = request.headers.get("idempotency-key")
    if header is None:
        return wanted
    key = header.strip()
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    if not 1 <= len(key) <= 256:  # noqa: PLR2004 - the limit is in the message
        raise invalid("Idempotency-Key", f"Invalid Idempotency-Key: {len(key)} characters; 1 to 256 are accepted.")
    return replace(wanted, idempotency_key=key)


def _with_own_link(request: Request, gateway: Gateway, wanted: VideoRequest) -> VideoRequest:
    """Take a signed link of ours, given as the input video, for the video that it opens. Raises GatewayError."""
    if wanted.video is None or not isinstance(wanted.video.ref, Url):
        return wanted
    bases = {base_url(request, gateway), str(request.base_url).rstrip("/")}
    link = content_link(wanted.video.ref.url, tuple(bases))
    if link is None:
        return wanted
    param = wanted.video.param
    if not gateway.links.allows(link.video_id, link.index, link.expires, link.signature):
        message = f"{param}: the link has expired or was altered; retrieve its video for a new one."
        raise GatewayError("invalid_video", message, param=param)
    return replace(wanted, video=NamedRef(param, VideoId(link.video_id, link.index, linked=True)))


def answer(
    request: Request,
    gateway: Gateway,
    video: Video,
    headers: dict[str, str] | None = None,
    *,
    poll_ms: int | None = None,
    keyed: bool = False,
) -> JSONResponse:
    """Answer with a video; for `keyed`, see `show`."""
    headers = headers or {}
    if video.row.status in ("queued", "in_progress"):
        headers["openai-poll-after-ms"] = str(poll_ms or gateway.default_poll_ms)
    headers["x-reelgate-provider"], headers["x-reelgate-model"] = executed_by(video)
    return JSONResponse(show(request, gateway, video, keyed=keyed), headers=headers)


def show(request: Request, gateway: Gateway, video: Video, *, keyed: bool = False) -> dict[str, Json]:
    """Show a video as this client knows us; `keyed`, with whose it is. The links in it are signed for a while."""
    titles = {name: provider.title for name, provider in gateway.providers.items()}
    shown = video_object(video, base_url(request, gateway), gateway.links, titles)
    return {**shown, "key_id": video.row.owner} if keyed else shown


def _estimate(wanted: VideoRequest, plan: Plan, shortfall: str | None) -> dict[str, object]:
    """Show what would be made and cost; `shortfall` says why the caller's budget would refuse it."""
    warnings = list(plan.warnings)
    if shortfall:
        message = f"this would be refused now. {shortfall}"
        warnings.append(ParameterWarning("model", "budget_exceeded", plan.route.asked, None, message))
    return {
        "estimated": True,
        "model": plan.route.model.id,
        "provider": plan.route.provider,
        "total_cost_micros": total(plan.components) if plan.components is not None else None,
        "currency": "USD",
        "components": [asdict(component) for component in plan.components or ()],
        "size": plan.sized.size,
        "seconds": plan.seconds,
        "n": wanted.n,
        "warnings": [asdict(warning) for warning in warnings],
    }
