"""A fake xAI on a real socket: the three ways to submit a video, the poll, and the files that films are stored as.

    with run((fake := FakeXai()).app) as url:  # tests.upstreams.running
        fake.rules.add(Rule(on="job", do=shape(moderated="flag")))

Calls, for rules: "submit" (POST /v1/videos/…), "status" (GET there), "list" (/v1/files), "media" (films), "other".
Facts to match: path, query, method, and the model and prompt of the submit that a call is about. Shapes of answers:
xai_answers. Bodies of errors for `answer(status, body)`: xai_errors; `fake.form` is that of the fake's own refusals.
Source videos: films and files of this fake and data URIs are looked at; any other link is what `fake.sources` says of
it, else 6 s of 1280x720: the fake fetches nothing. Of the list of models, only the address is known.
Source: reference/xai.md.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import av
import httpx
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.upstreams import xai_errors, xai_fields, xai_models
from tests.upstreams.behaviour import Rules
from tests.upstreams.clock import Clock
from tests.upstreams.control import control_routes
from tests.upstreams.faults import Misbehaving
from tests.upstreams.ledger import Ledger
from tests.upstreams.timed_jobs import Settling, facts_of, serve_film
from tests.upstreams.xai_answers import Video, failed_price, polled
from tests.upstreams.xai_checks import Clip, plan
from tests.upstreams.xai_errors import Refused
from tests.upstreams.xai_files import Files

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

    from tests.upstreams.looks import Look
    from tests.upstreams.xai_checks import Plan
    from tests.upstreams.xai_errors import Form

KEY = "xai-test-key"
_FILMS = "/xai-vidgen-bucket/xai-video-"
_SUBMITS = "/v1/videos/"


class FakeXai:
    """The fake. Jobs run `seconds`; `zero_retention` teams must bring an upload URL (section 3.1)."""

    def __init__(
        self, *, key: str = KEY, seconds: float = 1.0, clock: Clock | None = None, look: Look | None = None
    ) -> None:
        self.key, self.seconds, self.look = key, seconds, look
        self.form: Form = "main"
        self.zero_retention = self.files_early = False
        self.sources: dict[str, Clip] = {}
        self.clock, self.rules, self.jobs = clock or Clock(), Rules(), dict[str, Video]()
        self._ledger, self._files = Ledger(), Files(self)
        self._uploads: set[asyncio.Task[None]] = set()
        routes = [
            *(Route(_SUBMITS + name, self._submit, methods=["POST"]) for name in xai_fields.SHAPES),
            Route("/v1/videos/{id}", self._poll),
            Route("/v1/video-generation-models", self._models),
            Route(f"{_FILMS}{{id}}.mp4", self._film),
            *self._files.routes(),
            *control_routes(self._ledger, self.rules, self.clock, self._forget),
        ]
        self._settling = Settling(Starlette(routes=routes), self._ledger, self.clock)
        self.app: ASGIApp = Misbehaving(self._settling, self.rules, self._ledger, self._classify)

    @property
    def ledger(self) -> Ledger:
        """What was paid, as of this moment."""
        self._settling.settle()
        return self._ledger

    def _classify(self, method: str, path: str, body: bytes) -> tuple[str, dict[str, str]]:
        if path.startswith(_SUBMITS):
            if method == "POST":
                return "submit", facts_of(body)
            return "status", self._facts(path.removeprefix(_SUBMITS))
        if path.startswith(_FILMS):
            return "media", self._facts(path.removeprefix(_FILMS).removesuffix(".mp4"))
        if path.startswith("/files-cdn/"):
            return "media", {}
        return ("list" if path == "/v1/files" else "other"), {}

    def _facts(self, video_id: str) -> dict[str, str]:
        paid = self._ledger.by_id(video_id)
        return {"id": video_id, **facts_of(paid.body if paid else None)}

    def _forget(self) -> None:
        self.jobs.clear()
        self._settling.clear()

    def refuse(self, status: int, code: str, text: str) -> Response:
        """Answer with an error."""
        return JSONResponse(xai_errors.error(code, text, self.form), status)

    def refuse_key(self, request: Request) -> Response | None:
        """Answer a request without the right key."""
        if request.headers.get("authorization") == f"Bearer {self.key}":
            return None
        return self.refuse(401, "unauthenticated", "No or an invalid API key was provided.")

    async def _submit(self, request: Request) -> Response:
        if refusal := self.refuse_key(request):
            return refusal
        try:
            body, planned = self._planned(request, await request.body())
        except Refused as refused:
            return self.refuse(refused.status, refused.code, refused.text)
        video = self._accept(body, planned)
        self._ledger.accept(video.id, request.url.path, body, request.headers, video.accepted)
        self._settling.watch(video)
        return JSONResponse({"request_id": video.id})

    def _planned(self, request: Request, content: bytes) -> tuple[dict[str, Any], Plan]:
        endpoint = request.url.path.removeprefix(_SUBMITS)
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            raise Refused(415, "Expected request with `Content-Type: application/json`")
        try:
            body = json.loads(content)
        except ValueError as error:
            raise Refused(400, f"Failed to parse the request body as JSON: {error}") from None
        if mistake := xai_fields.mistake(endpoint, body):
            raise Refused(422, mistake)
        model = xai_models.find(body["model"])
        if model is None:
            raise Refused(404, f"The model {body['model']} does not exist.", "not-found")
        if self.zero_retention and "output" not in body:
            raise Refused(400, xai_errors.ZERO_RETENTION)
        return body, plan(endpoint, body, model, self._source(body.get("video")))

    def _accept(self, body: dict[str, Any], planned: Plan) -> Video:
        do = self.rules.take("job", facts_of(body))
        price = round(planned.usd * 1e6)
        video = Video(
            id=str(uuid.uuid4()),
            accepted=self.clock.now(),
            runs=self.seconds,
            frame=planned.frame,
            seconds=planned.seconds,
            price=price,
            do=do,
            look=self.look,
            failed_price=failed_price(price, do),
            model=planned.model.id,
            storage=body.get("storage_options"),
            file_id=f"file_{uuid.uuid4()}",
            upload_url=body.get("output", {}).get("upload_url"),
        )
        self.jobs[video.id] = video
        if video.upload_url:
            task = asyncio.create_task(self._upload(video, video.upload_url))
            self._uploads.add(task)
            task.add_done_callback(self._uploads.discard)
        return video

    async def _upload(self, video: Video, url: str) -> None:
        """PUT the film to the customer: the one push channel (section 1)."""
        await self.clock.until(video.ends)
        if not video.fails:
            film = await asyncio.to_thread(video.film)
            async with httpx.AsyncClient(timeout=60) as http:
                # What the real one does when nobody takes the film is not known; this one gives up.
                with suppress(httpx.TransportError):
                    await http.put(url, content=film, headers={"Content-Type": "video/mp4"})

    def _source(self, media: dict[str, str] | None) -> Clip | None:
        if media is None:
            return None
        url = media.get("url", "")
        if url.startswith("data:"):
            return _probed(url)
        video = self._files.find(media.get("file_id", "")) or self.jobs.get(url.rpartition(_FILMS)[2][:-4])
        if video:
            return Clip(*video.frame, video.seconds)
        return self.sources.get(url, Clip(1280, 720, 6)) if url else None

    async def _poll(self, request: Request) -> Response:
        if refusal := self.refuse_key(request):
            return refusal
        video = self.jobs.get(request.path_params["id"])
        if video is None:
            return self.refuse(404, "not-found", "The requested video generation was not found.")
        base = str(request.base_url).rstrip("/")
        output = self._files.output(video, base)
        return polled(video, self.clock.now(), f"{base}{_FILMS}{video.id}.mp4", output)

    async def _models(self, request: Request) -> Response:
        known = [{"id": model.id, "aliases": list(model.aliases), "object": "model"} for model in xai_models.MODELS]
        return self.refuse_key(request) or JSONResponse({"models": known})

    async def _film(self, request: Request) -> Response:
        video, now = self.jobs.get(request.path_params["id"]), self.clock.now()
        if video is None or video.fails or now < video.ends or video.expired(now):
            return Response("Not Found", 404)
        return await serve_film(request, video, self._ledger, self.key)


def _probed(url: str) -> Clip | None:
    try:
        with av.open(io.BytesIO(base64.b64decode(url.partition(",")[2], validate=True)), "r") as clip:
            stream = clip.streams.video[0]
            return Clip(stream.width, stream.height, (clip.duration or 0) / av.time_base)
    except (av.FFmpegError, ValueError, IndexError):
        return None
