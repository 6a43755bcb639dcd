"""/files and /videos/characters: what later requests refer to."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from app.api import docs, schemas
from app.api.deps import Client, Folder, Maker, Services
from app.api.forms import read_body
from app.db.tables import CharacterRow, FileRow
from app.domain.errors import invalid, missing
from app.domain.requests import Upload

router = APIRouter()

_FILE_DOC = docs.body({"purpose": {"type": "string", "default": "vision"}}, ["file"], "file", json=False)
_CHARACTER_DOC = docs.body(
    {"name": {"type": "string", "minLength": 1, "maxLength": 80}}, ["name", "video"], "video", json=False
)
_BODY_ERRORS = ("invalid_value", "missing_required_parameter", "request_too_large", "unsupported_media_type")


@router.post(
    "/files",
    tags=["files"],
    response_model=schemas.FileObject,
    openapi_extra=_FILE_DOC,
    responses=docs.errors(*_BODY_ERRORS),
)
async def upload_file(request: Request, gateway: Services, caller: Maker, folder: Folder) -> JSONResponse:
    """Keep an image or a video, to be named by its id in later requests."""
    body = await read_body(request, folder)
    purpose = body.get("purpose", "vision")
    if not isinstance(purpose, str) or len(purpose) > 64:  # noqa: PLR2004 - a label, not a text
        raise invalid("purpose", "Invalid purpose: expected a word such as 'vision'.")
    row = await gateway.library.add_file(caller.owner, _upload(body, "file"), purpose)
    return JSONResponse(_file(row))


@router.get(
    "/files/{file_id}", tags=["files"], response_model=schemas.FileObject, responses=docs.errors("file_not_found")
)
async def retrieve_file(file_id: str, gateway: Services, caller: Client) -> JSONResponse:
    """Describe an uploaded file."""
    return JSONResponse(_file(await gateway.library.get_file(caller.owner, file_id)))


@router.delete(
    "/files/{file_id}", tags=["files"], response_model=schemas.FileDeleted, responses=docs.errors("file_not_found")
)
async def delete_file(file_id: str, gateway: Services, caller: Client) -> JSONResponse:
    """Forget an uploaded file; jobs that use it go on."""
    await gateway.library.delete_file(caller.owner, file_id)
    return JSONResponse({"id": file_id, "object": "file", "deleted": True})


@router.post(
    "/videos/characters",
    tags=["videos"],
    response_model=schemas.Character,
    openapi_extra=_CHARACTER_DOC,
    responses=docs.errors(*_BODY_ERRORS, "invalid_video"),
)
async def create_character(request: Request, gateway: Services, caller: Maker, folder: Folder) -> JSONResponse:
    """Make a character from a video; name it in a create as `characters: [{id}]`."""
    body = await read_body(request, folder)
    name = body.get("name")
    if name is None or name == "":
        raise missing("name")
    if not isinstance(name, str):
        raise invalid("name", "Invalid name: expected a string.")
    row = await gateway.library.add_character(caller.owner, name, _upload(body, "video"), folder)
    return JSONResponse(_character(row))


@router.get(
    "/videos/characters/{character_id}",
    tags=["videos"],
    response_model=schemas.Character,
    responses=docs.errors("character_not_found"),
)
async def retrieve_character(character_id: str, gateway: Services, caller: Client) -> JSONResponse:
    """Describe a character."""
    return JSONResponse(_character(await gateway.library.get_character(caller.owner, character_id)))


@router.delete(
    "/videos/characters/{character_id}",
    tags=["videos"],
    response_model=schemas.CharacterDeleted,
    responses=docs.errors("character_not_found"),
)
async def delete_character(character_id: str, gateway: Services, caller: Client) -> JSONResponse:
    """Forget a character; jobs that use it go on."""
    await gateway.library.delete_character(caller.owner, character_id)
    return JSONResponse({"id": character_id, "object": "character.deleted", "deleted": True})


def _upload(body: dict[str, object], param: str) -> Upload:
    value = body.get(param)
    if value is None or value == "":
        raise missing(param)
    if not isinstance(value, Upload):
        raise invalid(param, f"Invalid {param}: expected one file part in a multipart body.")
    return value


def _file(row: FileRow) -> dict[str, object]:
    return {
        "id": row.id,
        "object": "file",
        "bytes": row.size_bytes,
        "created_at": int(row.created_at),
        "filename": row.filename,
        "purpose": row.purpose,
        "status": "processed",
    }


def _character(row: CharacterRow) -> dict[str, object]:
    return {"id": row.id, "object": "character", "name": row.name, "created_at": int(row.created_at)}
