"""Where fal's requests live: https://docs.fal.ai/docs/api-reference/inference-api (queue).

A submit goes to the full endpoint id; status, result and cancel are addressed by `{owner}/{app}` alone. fal asks to
use the URLs that the submit returns; they are used only on the queue's own host, because the key goes with them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from app.providers.errors import Rejected
from app.providers.http import origin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.domain.jobs import Operation
    from app.domain.plain import Json

# The hosts that fal names for connect failures (docs: queue OpenAPI; fal-client `_BACKUP_DOMAINS`).
BACKUPS = {"https://queue.fal.run": "https://queue.falrun.com"}

_ENDPOINT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)+")
_NAMESPACES = frozenset({"workflows", "comfy"})  # stand in front of the owner
_SUFFIXES = {"status_url": "/status", "response_url": "", "cancel_url": "/cancel"}


def app_of(endpoint: str) -> str:
    """Return the `{owner}/{app}` of an endpoint id."""
    parts = endpoint.split("/")
    return "/".join(parts[: 3 if parts[0] in _NAMESPACES else 2])


def submit_url(queue: str, endpoint: str, callback_url: str | None) -> str:
    """Return where to submit. Raises Rejected for what cannot be an endpoint id."""
    if not _ENDPOINT.fullmatch(endpoint):
        raise Rejected(f"{endpoint[:200]!r} is not a fal.ai endpoint id such as 'xai/grok-imagine-video/text-to-video'")
    return f"{queue}/{endpoint}" + (f"?fal_webhook={quote(callback_url, safe='')}" if callback_url else "")


def operation_of(queue: str, upstream_id: str, endpoint: str, told: Mapping[str, Json]) -> Operation:
    """Make the handle of a request: the URLs `told` where they are the queue's own, else built by the rule."""
    base = f"{queue}/{quote(app_of(endpoint), safe='/')}/requests/{quote(upstream_id, safe='')}"
    urls: Operation = {name: _own(queue, told.get(name)) or base + suffix for name, suffix in _SUFFIXES.items()}
    return {"id": upstream_id, "endpoint": endpoint, **urls}


def url_of(queue: str, operation: Operation, name: str) -> str:
    """Return one URL of a stored handle, checked again: the queue's address may have been changed since."""
    return str(operation_of(queue, str(operation["id"]), str(operation["endpoint"]), operation)[name])


def with_query(url: str, query: str) -> str:
    """Append to a URL's query."""
    return f"{url}{'&' if '?' in url else '?'}{query}"


def _own(queue: str, url: Json) -> str | None:
    """Return a URL on the queue's own host (one on its backup host is brought home), or None."""
    if not isinstance(url, str) or not url.isascii() or not url.isprintable() or " " in url:
        return None
    try:
        host = origin(url)
    except ValueError:  # such as an unclosed [ in the host
        return None
    if host == origin(queue):
        return url
    backup = BACKUPS.get(queue)
    return queue + url[len(backup) :] if backup and host == origin(backup) else None
