"""Uploaded files and characters, always asked for by owner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select

from app.db.tables import CharacterRow, FileRow

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

_PIXEL_BYTES = 3  # red, green and blue


async def get_file(session: AsyncSession, owner: str, file_id: str) -> FileRow | None:
    """Return one file of this owner."""
    return await session.scalar(select(FileRow).where(FileRow.id == file_id, FileRow.owner == owner))


async def room_taken(session: AsyncSession, owner: str) -> int:
    """Return how many bytes this owner's files and characters take; a character counts as its picture unpacked."""
    of_files = select(func.sum(FileRow.size_bytes)).where(FileRow.owner == owner)
    pictures = func.sum(CharacterRow.width * CharacterRow.height) * _PIXEL_BYTES
    of_characters = select(pictures).where(CharacterRow.owner == owner)
    return int(await session.scalar(of_files) or 0) + int(await session.scalar(of_characters) or 0)


async def all_ids(session: AsyncSession) -> set[str]:
    """Return the ids of every file and character of every owner: what storage may hold."""
    return {*await session.scalars(select(FileRow.id)), *await session.scalars(select(CharacterRow.id))}


async def delete_file(session: AsyncSession, owner: str, file_id: str) -> str | None:
    """Delete a file's row and return where its bytes are, or None if this owner has no such file."""
    return await session.scalar(
        delete(FileRow).where(FileRow.id == file_id, FileRow.owner == owner).returning(FileRow.media_key)
    )


async def delete_character(session: AsyncSession, owner: str, character_id: str) -> None:
    """Delete a character's row, if this owner has it."""
    await session.execute(
        delete(CharacterRow)
        .where(CharacterRow.id == character_id, CharacterRow.owner == owner)
        .execution_options(synchronize_session=False)
    )


async def get_character(session: AsyncSession, owner: str, character_id: str) -> CharacterRow | None:
    """Return one character of this owner."""
    return await session.scalar(
        select(CharacterRow).where(CharacterRow.id == character_id, CharacterRow.owner == owner)
    )
