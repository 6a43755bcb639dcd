"""Input images and videos of a request: found, checked, and kept for as long as its job needs them.

A job owns its inputs: they are copied under `inputs/<video id>/`, so deleting the uploaded file or the source video
never breaks a job that was accepted, and removing a job's inputs is one prefix.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias, assert_never

from pydantic import TypeAdapter

from app.db import files, videos
from app.domain.errors import GatewayError
from app.domain.requests import DataUri, FileId, NamedRef, Upload, Url, VideoId
from app.media.data_uri import decode_data_uri
from app.media.errors import Busy, MediaError
from app.media.probe import inspect_image, inspect_video
from app.media.shares import work_for
from app.providers.base import Input, PlacesInputs
from app.services.asking import asking

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from app.db.session import Database
    from app.domain.plain import Json
    from app.media.fetch import Fetcher
    from app.media.store import MediaStore
    from app.providers.base import Provider

MIB = 1 << 20
IMAGE_LIMIT = 20 * MIB
VIDEO_LIMIT = 200 * MIB
BUSY_SECONDS = 5  # after which it may be tried again what the gateway had no time for


@dataclass(frozen=True, slots=True)
class Kept:
    """An input in a job's order: stored under `key`, or a `url` to fetch when the job is sent.

    `width` and `height` are pixels and `seconds` the length of a video; all 0 while a URL is not fetched.
    """

    kind: Literal["image", "video"]
    key: str | None = None
    url: str | None = None
    content_type: str = ""
    width: int = 0
    height: int = 0
    seconds: float = 0.0


_KEPT = TypeAdapter(list[Kept])
InputLinks: TypeAlias = "Callable[[str], str]"  # the key of a kept input → an address that providers can fetch


@dataclass(frozen=True, slots=True)
class Gathered:
    """An input before it is kept: a file of the request, something already stored, or a URL not fetched yet.

    `code` and `param` are the refusal where what was stored turns out to be gone.
    """

    facts: Kept
    path: Path | None = None
    code: str = "file_not_found"
    param: str | None = None


class Inputs:
    """Gathers, keeps and hands out inputs."""

    def __init__(
        self,
        database: Database,
        store: MediaStore,
        fetcher: Fetcher,
        links: InputLinks | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._clock = clock or database.clock
        self._links = links
        self._database = database
        self._store = store
        self._fetcher = fetcher

    async def gather_image(self, owner: str, image: NamedRef, folder: Path) -> Gathered:
        """Find and check one input image; `folder` is the request's own. Raises GatewayError naming the field."""
        if isinstance(image.ref, VideoId):
            raise GatewayError("invalid_image", f"{image.param}: expected an image, not a video.", param=image.param)
        with work_for(owner):
            return await self._gather("image", owner, image, folder)

    async def gather_video(self, owner: str, video: NamedRef, folder: Path) -> Gathered:
        """Find and check one input video; `folder` is the request's own. Raises GatewayError naming the field."""
        if isinstance(video.ref, VideoId):
            return await self._finished_video(owner, video.ref, video.param)
        with work_for(owner):
            return await self._gather("video", owner, video, folder)

    async def gather_character(self, owner: str, character_id: str) -> Gathered:
        """Find a character's reference frame. Raises GatewayError character_not_found."""
        async with self._database.read() as session:
            row = await files.get_character(session, owner, character_id)
        if row is None:
            raise GatewayError("character_not_found", f"Character {character_id[:80]!r} not found.", param="characters")
        facts = Kept("image", row.media_key, None, "image/png", row.width, row.height)
        return Gathered(facts, code="character_not_found", param="characters")

    async def keep(self, video_id: str, gathered: list[Gathered]) -> Json:
        """Store the inputs under the video and return what its order says of them. Raises GatewayError, naming a field.

        After a failure some of them may be stored: `drop` them.
        """
        kept: list[Kept] = []
        for index, item in enumerate(gathered):
            key = f"{prefix(video_id)}/{index}"
            if item.path:
                await self._store.put_file(key, item.path, item.facts.content_type)
            elif item.facts.key:
                try:
                    await self._store.copy(item.facts.key, key)
                except MediaError as error:
                    raise GatewayError(item.code, f"{item.param}: {error.message}", param=item.param) from error
            kept.append(item.facts if item.facts.url else replace(item.facts, key=key))
        plain: Json = _KEPT.dump_python(kept, mode="json")
        return plain

    async def materialise(self, inputs: Json, folder: Path, provider: Provider) -> list[Input]:
        """Give a job's inputs the form its provider reads: addresses, or files in `folder` (URLs fetched now).

        Raises MediaError, ProviderError.
        """
        found: list[Input] = []
        for index, item in enumerate(_KEPT.validate_python(inputs)):
            path = folder / f"input-{index}"
            if item.key:
                await self._store.download(item.key, path)
                given = replace(_given(item, path), link=self._links(item.key) if self._links else None)
            elif isinstance(provider, PlacesInputs):
                given = await self._measured(item, path)
            else:
                given = await self._fetched(item, path)
            if isinstance(provider, PlacesInputs):
                with asking(provider.name, "place"):
                    placed = await provider.place_input(given)
                given = replace(given, url=placed.url, note=placed.warning)
            found.append(given)
        return found

    async def _fetched(self, item: Kept, path: Path) -> Input:
        """Fetch what an input's URL names. Raises MediaError."""
        await self._fetcher.fetch(item.url or "", path, IMAGE_LIMIT if item.kind == "image" else VIDEO_LIMIT)
        return replace(_given(await _inspect(item.kind, path), path), url=item.url)

    async def _measured(self, item: Kept, path: Path) -> Input:
        """Pass a URL on; a video is looked at first, for its length decides whether it is taken, and the price.

        One that we cannot reach is for the provider to judge. Raises MediaError for one that is no video, and Busy.
        """
        if item.kind == "video":
            try:
                return await self._fetched(item, path)
            except Busy:
                raise
            except MediaError as error:
                if error.code != "media_unavailable":
                    raise
        return Input(item.kind, url=item.url)

    async def drop(self, video_id: str) -> None:
        """Forget the inputs of a video that has ended."""
        await self._store.delete_prefix(prefix(video_id))

    async def _gather(self, kind: Literal["image", "video"], owner: str, named: NamedRef, folder: Path) -> Gathered:
        folder.mkdir(exist_ok=True)  # noqa: ASYNC240 - takes microseconds
        ref = named.ref
        limit = IMAGE_LIMIT if kind == "image" else VIDEO_LIMIT
        try:
            match ref:
                case Upload():
                    return Gathered(await _inspect(kind, ref.path), ref.path)
                case DataUri():
                    path = _decode(ref, folder, limit)
                    return Gathered(await _inspect(kind, path), path)
                case FileId():
                    return await self._uploaded(kind, owner, ref, named.param, folder)
                case Url():
                    if await self._fetcher.check(ref.url):
                        return Gathered(Kept(kind, url=ref.url))
                    path = _next(folder)  # the operator lets us fetch it, but no provider can: from here on an upload
                    await self._fetcher.fetch(ref.url, path, limit)
                    return Gathered(await _inspect(kind, path), path)
                case VideoId():
                    raise AssertionError("video ids are looked up, not inspected")
                case _:
                    assert_never(ref)
        except Busy as error:
            message = f"{named.param}: {error.message}"
            raise GatewayError("overloaded", message, param=named.param, retry_after=BUSY_SECONDS) from error
        except MediaError as error:
            code = error.code if error.code != "media_unavailable" else f"invalid_{kind}"
            raise GatewayError(code, f"{named.param}: {error.message}", param=named.param) from error

    async def _uploaded(
        self, kind: Literal["image", "video"], owner: str, ref: FileId, param: str, folder: Path
    ) -> Gathered:
        async with self._database.read() as session:
            row = await files.get_file(session, owner, ref.id)
        if row is None:
            raise GatewayError("file_not_found", f"File {ref.id[:80]!r} not found.", param=f"{param}.file_id")
        path = folder / ref.id
        try:
            await self._store.download(row.media_key, path)
        except MediaError as error:
            raise GatewayError("file_not_found", f"{param}: {error.message}", param=f"{param}.file_id") from error
        return Gathered(await _inspect(kind, path), path)

    async def _finished_video(self, owner: str, ref: VideoId, param: str) -> Gathered:
        async with self._database.read() as session:
            video = await (videos.get_of_any(session, ref.id) if ref.linked else videos.get(session, owner, ref.id))
        if video is None:
            raise GatewayError("video_not_found", f"Video {ref.id[:80]!r} not found.", param=param)
        if video.expired(self._clock()):
            raise GatewayError("video_not_ready", f"The files of video {ref.id} have expired.", param=param)
        output = video.output(ref.index)
        if output is None or output.media_key is None:
            state = f"is {video.row.status}" if ref.index is None else f"has no finished output {ref.index}"
            raise GatewayError("video_not_ready", f"Video {ref.id} {state}; a finished one is needed.", param=param)
        return Gathered(
            Kept(
                kind="video",
                key=f"{output.media_key}/video.mp4",
                content_type=output.content_type or "video/mp4",
                width=output.width or 0,
                height=output.height or 0,
                seconds=output.duration or 0.0,
            ),
            code="video_not_ready",
            param=param,
        )


def _given(facts: Kept, path: Path) -> Input:
    return Input(
        facts.kind,
        path,
        content_type=facts.content_type,
        width=facts.width,
        height=facts.height,
        seconds=facts.seconds,
    )


def prefix(video_id: str) -> str:
    """Return where a video's inputs are kept."""
    return f"inputs/{video_id}"


async def _inspect(kind: Literal["image", "video"], path: Path) -> Kept:
    if kind == "image":
        image = await inspect_image(path)
        return Kept(kind, content_type=image.content_type, width=image.width, height=image.height)
    video = await inspect_video(path)
    return Kept(kind, content_type=video.content_type, width=video.width, height=video.height, seconds=video.duration)


def _decode(ref: DataUri, folder: Path, limit: int) -> Path:
    _declared, data = decode_data_uri(ref.text, limit)
    path = _next(folder)
    path.write_bytes(data)
    return path


def _next(folder: Path) -> Path:
    """Name a new file in the folder of a request."""
    return folder / f"data-{len(list(folder.iterdir()))}"
