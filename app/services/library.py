"""What clients keep here for later requests: uploaded files and characters."""

from __future__ import annotations

import secrets
from functools import partial
from typing import TYPE_CHECKING

from app.db import files
from app.db.tables import CharacterRow, FileRow
from app.domain.errors import GatewayError, invalid
from app.media.errors import MediaError
from app.media.probe import grab_frame, inspect_image, inspect_video
from app.media.shares import work_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncSession

    from app.db.session import Database
    from app.domain.requests import Upload
    from app.media.store import MediaStore

NAME_LIMIT = 80  # characters of a character's name (OpenAI's limit)


class Library:
    """Keeps files and characters. Every method takes the owner whose things it may touch.

    `room` is how many bytes the things of one owner may take together.
    """

    def __init__(self, database: Database, store: MediaStore, clock: Callable[[], float], room: int) -> None:
        self._database = database
        self._store = store
        self._clock = clock
        self._room = room

    async def add_file(self, owner: str, upload: Upload, purpose: str) -> FileRow:
        """Keep an uploaded image or video. Raises GatewayError invalid_value for anything else, request_too_large."""
        with work_for(owner):
            content_type = await _content_type(upload.path)
        file_id = f"file_{secrets.token_hex(16)}"
        row = FileRow(
            id=file_id,
            owner=owner,
            filename=_safe_name(upload.filename),
            purpose=purpose,
            content_type=content_type,
            size_bytes=upload.size,
            sha256=upload.sha256,
            media_key=f"files/{file_id}/content",
            created_at=self._clock(),
        )
        await self._store.put_file(row.media_key, upload.path, content_type)
        await self._add(row, "file")
        return row

    async def get_file(self, owner: str, file_id: str) -> FileRow:
        """Return one file. Raises GatewayError file_not_found."""
        async with self._database.read() as session:
            row = await files.get_file(session, owner, file_id)
        if row is None:
            raise GatewayError("file_not_found", f"File {file_id[:80]!r} not found.", param="file_id")
        return row

    async def delete_file(self, owner: str, file_id: str) -> None:
        """Forget a file; jobs that use it have copies of their own. Raises GatewayError file_not_found."""
        row = await self.get_file(owner, file_id)
        await self._store.delete_prefix(row.media_key.rpartition("/")[0])  # if that fails, it can be asked again
        await self._database.write(partial(files.delete_file, owner=owner, file_id=file_id))

    async def add_character(self, owner: str, name: str, video: Upload, folder: Path) -> CharacterRow:
        """Keep one frame of a video as a character. Raises GatewayError."""
        if not 1 <= len(name) <= NAME_LIMIT:
            raise invalid("name", f"Invalid name: {len(name)} characters; expected 1 to {NAME_LIMIT}.")
        frame = folder / "character.png"
        try:
            with work_for(owner):
                await grab_frame(video.path, frame)
                facts = await inspect_image(frame)
        except MediaError as error:
            raise GatewayError("invalid_video", f"video: {error.message}", param="video") from error
        character_id = f"char_{secrets.token_hex(16)}"
        row = CharacterRow(
            id=character_id,
            owner=owner,
            name=name,
            media_key=f"characters/{character_id}/frame.png",
            width=facts.width,
            height=facts.height,
            created_at=self._clock(),
        )
        await self._store.put_file(row.media_key, frame, "image/png")
        await self._add(row, "video")
        return row

    async def get_character(self, owner: str, character_id: str) -> CharacterRow:
        """Return one character. Raises GatewayError character_not_found."""
        async with self._database.read() as session:
            row = await files.get_character(session, owner, character_id)
        if row is None:
            message = f"Character {character_id[:80]!r} not found."
            raise GatewayError("character_not_found", message, param="character_id")
        return row

    async def delete_character(self, owner: str, character_id: str) -> None:
        """Forget a character; jobs that use it have copies of their own. Raises GatewayError character_not_found."""
        row = await self.get_character(owner, character_id)
        await self._store.delete_prefix(row.media_key.rpartition("/")[0])  # if that fails, it can be asked again
        await self._database.write(partial(files.delete_character, owner=owner, character_id=character_id))

    async def _add(self, row: FileRow | CharacterRow, param: str) -> None:
        async def work(session: AsyncSession) -> None:
            await self._database.hold(session, f"library:{row.owner}")  # nobody else takes the room that is left
            session.add(row)
            await session.flush()
            if await files.room_taken(session, row.owner) > self._room:
                message = (
                    f"{param}: your files and characters would take more than {self._room >> 20} MiB; "
                    "delete some, or have the operator raise REELGATE_MAX_FILES_MB."
                )
                raise GatewayError("request_too_large", message, param=param)

        try:
            await self._database.write(work)
        except Exception:
            await self._store.delete_prefix(row.media_key.rpartition("/")[0])
            raise


async def _content_type(path: Path) -> str:
    """Say what an upload is by its bytes: an image, else a video."""
    try:
        return (await inspect_image(path)).content_type
    except MediaError as image_error:
        try:
            return (await inspect_video(path)).content_type
        except MediaError as video_error:
            message = f"file: neither a usable image ({image_error.message}) nor a usable video ({video_error.message})"
            raise invalid("file", message) from video_error


def _safe_name(filename: str | None) -> str:
    """Keep the last part of the client's file name, for display only."""
    name = (filename or "").replace("\\", "/").rpartition("/")[2]
    return "".join(char for char in name if char.isprintable())[:255] or "upload"
