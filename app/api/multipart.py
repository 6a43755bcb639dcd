"""Multipart bodies, parsed as they stream in: files go to disk, text stays in memory.

Starlette's own parser takes a part without a filename for text, but Java and Ruby SDKs send files that way, so the
parts are told apart here (python-multipart does the splitting).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from app.domain.errors import GatewayError, invalid
from app.domain.requests import FILE_FIELDS, Upload

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from python_multipart.multipart import MultipartCallbacks

_FIELDS_LIMIT = 128
_FILES_LIMIT = 20


@dataclass
class _Part:
    name: str
    filename: str | None
    path: Path | None
    file: IO[bytes] | None = None
    text: bytearray = field(default_factory=bytearray)
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)
    size: int = 0


async def parse_multipart(
    content_type: str, chunks: AsyncIterator[bytes], folder: Path
) -> list[tuple[str, str | Upload]]:
    """Return the fields in order as (name, text or Upload); files lie in `folder`, then made. Raises GatewayError."""
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise GatewayError("invalid_value", "The multipart body has no boundary in its Content-Type.")
    folder.mkdir(exist_ok=True)  # noqa: ASYNC240 - takes microseconds
    reader = _Reader(folder)
    try:
        parser = MultipartParser(boundary, reader.callbacks())
        async for chunk in chunks:
            parser.write(chunk)
        parser.finalize()
    except FormParserError as error:
        raise GatewayError("invalid_value", f"The multipart body is malformed: {error}.") from error
    finally:
        reader.close()
    if not reader.ended:
        raise GatewayError("invalid_value", "The multipart body is truncated: its closing boundary is missing.")
    # A browser sends an empty file called "" for a file field that was left alone; an empty stream has no name at all.
    return [_field(part) for part in reader.parts if part.size or part.filename != "" or part.path is None]


def _field(part: _Part) -> tuple[str, str | Upload]:
    if part.path and not part.size:
        raise invalid(part.name, f"Invalid {part.name}: the file is empty.")
    if part.path:
        return part.name, Upload(part.path, part.digest.hexdigest(), part.size, part.filename)
    try:
        return part.name, part.text.decode()
    except UnicodeDecodeError:
        raise invalid(
            part.name, f"Invalid {part.name}: expected text in UTF-8; a file goes into a file field."
        ) from None


class _Reader:
    """Collects what the parser finds."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._header = b"", b""
        self._headers: dict[bytes, bytes] = {}
        self.parts: list[_Part] = []
        self.ended = False

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._headers_begin,
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._begin,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_end": self._finish,
        }

    def close(self) -> None:
        for part in self.parts:
            if part.file:
                part.file.close()

    def _headers_begin(self) -> None:
        self._headers = {}

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._header = self._header[0] + data[start:end], self._header[1]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._header = self._header[0], self._header[1] + data[start:end]

    def _header_end(self) -> None:
        self._headers[self._header[0].lower()] = self._header[1]
        self._header = b"", b""

    def _begin(self) -> None:
        options = parse_options_header(self._headers.get(b"content-disposition", b""))[1]
        if b"name" not in options:
            raise GatewayError("invalid_value", "A part of the multipart body has no name.")
        name = options[b"name"].decode("utf-8", "replace")
        filename = options[b"filename"].decode("utf-8", "replace") if b"filename" in options else None
        declared = self._headers.get(b"content-type", b"text/plain").strip().lower()
        is_file = name.partition("[")[0] in FILE_FIELDS and (
            filename is not None or not declared.startswith((b"text/", b"application/json"))
        )
        part = _Part(name, filename, self._folder / f"part-{len(self.parts)}" if is_file else None)
        self.parts.append(part)
        files = sum(1 for each in self.parts if each.path)
        if files > _FILES_LIMIT or len(self.parts) > _FIELDS_LIMIT:
            raise GatewayError(
                "invalid_value", f"Too many parts: at most {_FILES_LIMIT} files and {_FIELDS_LIMIT} fields."
            )
        if part.path:
            part.file = part.path.open("xb")

    def _data(self, data: bytes, start: int, end: int) -> None:
        part, piece = self.parts[-1], data[start:end]
        part.size += len(piece)
        if part.file:
            part.file.write(piece)
            part.digest.update(piece)
        else:
            part.text += piece

    def _end(self) -> None:
        part = self.parts[-1]
        if part.file:
            part.file.close()

    def _finish(self) -> None:
        self.ended = True
