"""/: the dashboard, plain files that the browser runs as they are.

Modules import each other by relative paths, so the version stands in front of all of them: below
`/dashboard/{digest of every file}/` a file never changes, and browsers keep it.
"""

from __future__ import annotations

import hashlib
import mimetypes
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response

from app.api.deps import Gateway, Services
from app.domain.errors import GatewayError
from app.media.errors import StoreFault

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

router = APIRouter(include_in_schema=False)

_INDEX = "index.html"
_FOR_EVER = "public, max-age=31536000, immutable"
_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: blob:{media}; "
    "media-src 'self' blob:{media}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
_TYPES = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8"}


class Site(NamedTuple):
    """Every file of the dashboard by its path, and the digest of them all."""

    files: dict[str, bytes]
    digest: str


@cache
def site() -> Site:
    """Read the files, once: they are part of the package."""
    files = dict(sorted(_read(resources.files("app") / "dashboard", "")))
    digest = hashlib.sha256()
    for path, content in files.items():
        digest.update(f"{path}\0{len(content)}\0".encode() + content)
    return Site(files, digest.hexdigest()[:16])


@router.api_route("/", methods=["GET", "HEAD"])
async def index(request: Request, gateway: Services) -> Response:
    """Show the dashboard."""
    files, digest = site()
    modules = "\n    ".join(
        f'<link rel="modulepreload" href="/dashboard/{digest}/{path}">' for path in files if path.endswith(".js")
    )
    page = files[_INDEX].decode().replace("{{digest}}", digest).replace("<!-- modules -->", modules)
    policy = _POLICY.format(media=await _media_origin(gateway))
    etag = f'"{hashlib.sha256((page + policy).encode()).hexdigest()[:32]}"'
    headers = {
        **_HEADERS,
        "content-security-policy": policy,
        "permissions-policy": "camera=(), geolocation=(), microphone=()",
        "cache-control": "no-cache",
        "etag": etag,
    }
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return Response(page, headers=headers, media_type="text/html")


@router.get("/dashboard/{digest}/{path:path}")
async def asset(digest: str, path: str, request: Request) -> Response:
    """Give one of its files. A page of another version, during an upgrade, gets ours and keeps nothing of it."""
    files, current = site()
    content = files.get(path)
    if content is None or path == _INDEX:
        raise GatewayError("not_found", f"There is no file {path[:80]!r} of the dashboard.")
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {**_HEADERS, "etag": etag, "cache-control": _FOR_EVER if digest == current else "no-store"}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    kind = _TYPES.get(path.rpartition(".")[2]) or mimetypes.guess_type(path)[0]
    return Response(content, headers=headers, media_type=kind)


async def _media_origin(gateway: Gateway) -> str:
    """Name the bucket that browsers are sent to for content, if they are; pages may then load from there."""
    if not gateway.store.direct:
        return ""
    try:
        parts = urlsplit(await gateway.store.link("dashboard", "GET", 1))
    except StoreFault:
        return ""  # the page is worth having while the bucket is away
    return f" {parts.scheme}://{parts.netloc}"


def _read(folder: Traversable, prefix: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for entry in folder.iterdir():
        path = f"{prefix}{entry.name}"
        found += _read(entry, f"{path}/") if entry.is_dir() else [(path, entry.read_bytes())]
    return found
