"""xAI's Files API, as far as a film that was stored by `storage_options` can be found there.

Sources: reference/reliability.md section 3.1 (the filter `name = ".."`, an SDK docstring) and docs.x.ai's pages
/developers/files/managing-files (file object, paging: a page shorter than `limit` is the last) and
/developers/files/public-urls. Whether a file appears before its film is done is not known: `fake.files_early`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.upstreams.timed_jobs import serve_film

if TYPE_CHECKING:
    from starlette.requests import Request

    from tests.upstreams.xai import FakeXai
    from tests.upstreams.xai_answers import Video

_FILTER = re.compile(r'(?:name|filename)\s*=\s*"([^"]*)"')
_PAGE = 100


class Files:
    """The files of the one team."""

    def __init__(self, fake: FakeXai) -> None:
        self._fake = fake

    def routes(self) -> list[Route]:
        """Make the routes."""
        return [
            Route("/v1/files", self._list),
            Route("/v1/files/{id}", self._show),
            Route("/v1/files/{id}/content", self._content),
            Route("/files-cdn/{token}/{id}.mp4", self._public),
        ]

    def find(self, file_id: str) -> Video | None:
        """Return the video that a file holds."""
        return next((video for video in self._stored() if video.file_id == file_id), None)

    def output(self, video: Video, base: str) -> dict[str, Any] | None:
        """Describe the file within a poll's answer."""
        if video.storage is None:
            return None
        public = video.storage.get("public_url")
        life = public.get("expires_after") if isinstance(public, dict) else None
        return {
            "file_id": video.file_id,
            "filename": _name(video),
            "expires_at": self._expires(video),
            "public_url": f"{base}/files-cdn/{video.id}/{video.file_id}.mp4" if public else None,
            "public_url_expires_at": int(video.ends + life) if life else None,
        }

    def _stored(self) -> list[Video]:
        now = self._fake.clock.now()
        kept = (video for video in self._fake.jobs.values() if video.storage and not video.fails)
        kept = (video for video in kept if (self._fake.files_early or video.ends <= now))
        return [video for video in kept if (self._expires(video) or now + 1) > now]

    def _expires(self, video: Video) -> int | None:
        life = (video.storage or {}).get("expires_after")
        return int(video.ends + life) if life else None

    async def _list(self, request: Request) -> Response:
        if refusal := self._fake.refuse_key(request):
            return refusal
        query = request.query_params
        wanted = _FILTER.fullmatch(query.get("filter", ""))
        if "filter" in query and wanted is None:
            return self._fake.refuse(400, "invalid-argument", f"Invalid filter: {query['filter']}")
        stored = [video for video in self._stored() if wanted is None or _name(video) == wanted[1]]
        files = [self._described(video) for video in stored]
        files.sort(key=lambda file: file[query.get("sort_by", "created_at")], reverse=query.get("order") != "asc")
        ids = [file["id"] for file in files]
        token = query.get("pagination_token")
        start = ids.index(token) + 1 if token in ids else 0
        page = files[start : start + min(_PAGE, int(query.get("limit", _PAGE)))]
        return JSONResponse({"data": page, "pagination_token": page[-1]["id"] if page else None})

    def _described(self, video: Video) -> dict[str, Any]:
        output = self.output(video, "") or {}
        return {
            "id": video.file_id,
            "object": "file",
            "bytes": len(video.film()),
            "created_at": int(video.ends if video.ends <= self._fake.clock.now() else video.accepted),
            "expires_at": output["expires_at"],
            "filename": output["filename"],
            "purpose": "assistants",
        }

    async def _show(self, request: Request) -> Response:
        if refusal := self._fake.refuse_key(request):
            return refusal
        video = self.find(request.path_params["id"])
        return JSONResponse(self._described(video)) if video else self._missing()

    async def _content(self, request: Request) -> Response:
        if refusal := self._fake.refuse_key(request):
            return refusal
        video = self.find(request.path_params["id"])
        return Response(video.film(), media_type="video/mp4") if video else self._missing()

    async def _public(self, request: Request) -> Response:
        video = self.find(request.path_params["id"])
        if video is None or not (video.storage or {}).get("public_url"):
            return Response("Not Found", 404)
        return await serve_film(request, video, self._fake.ledger, self._fake.key)

    def _missing(self) -> Response:
        return self._fake.refuse(404, "not-found", "File not found.")


def _name(video: Video) -> str:
    return str((video.storage or {}).get("filename", ""))
