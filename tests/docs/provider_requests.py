"""What leaves for a provider and what it costs: requests made through a real gateway, read back from the fakes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.domain import catalogue
from app.domain.catalogue import Mode
from tests.api.creating import PICTURE
from tests.pitfalls.bench import REAL
from tests.upstreams.behaviour import Rule, never
from tests.upstreams.films import film

if TYPE_CHECKING:
    from tests.pitfalls.bench import Bench

PROMPT = "a paper boat on a calm sea"
SOURCE = film(854, 480, 49)  # two seconds


@dataclass(frozen=True)
class Request:
    """A create request: fields, and files by field name."""

    fields: dict[str, Any]
    files: tuple[tuple[str, tuple[str, bytes]], ...] = ()
    path: str = "/v1/videos"

    def shown(self) -> str:
        """Write the request for people."""
        named = [f"{name}={value}" for name, value in self.fields.items() if name not in {"prompt", "model"}]
        return " ".join([*named, *(f"{name}=@{file[0]}" for name, file in self.files)]) or "the prompt alone"


TYPICAL = {
    Mode.TEXT: Request({}),
    Mode.IMAGE: Request({}, (("input_reference", ("boat.png", PICTURE)),)),
    Mode.REFERENCE: Request(
        {}, (("reference_images", ("boat.png", PICTURE)), ("reference_images", ("sea.png", PICTURE)))
    ),
    Mode.EDIT: Request({}, (("video", ("clip.mp4", SOURCE)),), "/v1/videos/edits"),
    Mode.EXTEND: Request({}, (("video", ("clip.mp4", SOURCE)),), "/v1/videos/extensions"),
}


@dataclass(frozen=True)
class Left:
    """What one request became at a provider. Money in dollars, None where it is not known."""

    model: str
    mode: Mode
    provider: str
    submit: str
    payload: dict[str, Any]
    status: str
    estimate: float | None
    cost: float | None


def every_offering(bench: Bench) -> list[Left]:
    """Make the typical request of every model, mode and provider, all at once, and follow each to its end."""
    bench.reset()
    rows = [
        (model.id, mode, provider)
        for model in catalogue.builtin().models.values()
        for mode in model.modes
        for provider in REAL
        if provider in model.offerings and mode in model.offerings[provider].modes
    ]
    asked = [_post(bench, provider, model, TYPICAL[mode])["id"] for model, mode, provider in rows]
    return [_to_its_end(bench, video_id, *row) for video_id, row in zip(asked, rows, strict=True)]


def payload_of(bench: Bench, provider: str, model: str, request: Request) -> dict[str, Any]:
    """Return what leaves for a request, and stop the job there."""
    bench.reset()
    bench.rules(provider).add(Rule(on="job", do=never(), times=None))
    video = _post(bench, provider, model, request)
    body: dict[str, Any] = bench.sent(provider)
    assert bench.main.http.post(f"/v1/videos/{video['id']}/cancel").status_code == 200
    return body


def _to_its_end(bench: Bench, video_id: str, model: str, mode: Mode, provider: str) -> Left:
    video = bench.main.wait(video_id)
    assert video["status"] == "completed", (model, mode, provider, video["error"])
    request_id, cost = video["metadata"]["upstream_id"], video["metadata"]["cost"]
    paid = bench.ledger(provider).by_id(request_id)
    assert paid
    assert cost is not None
    assert round(cost * 1_000_000) == paid.charged, (model, mode, provider)
    submit = f"/{paid.endpoint.lstrip('/')}"
    assert submit in bench.heard[provider].targets("POST")
    status = next(target for target in bench.heard[provider].targets("GET") if request_id in target)
    return Left(
        model,
        mode,
        provider,
        submit,
        shortened(paid.body),
        status.replace(request_id, "{id}"),
        video["metadata"]["cost_estimate"],
        cost,
    )


def _post(bench: Bench, provider: str, model: str, request: Request) -> dict[str, Any]:
    fields = {"prompt": PROMPT, "model": f"{provider}/{model}", **request.fields}
    sent: dict[str, Any] = {"data": fields, "files": list(request.files)} if request.files else {"json": fields}
    answer = bench.main.http.post(request.path, **sent)
    assert answer.status_code == 200, answer.text
    video: dict[str, Any] = answer.json()
    return video


def shortened(value: Any) -> Any:
    """Make a payload the same on every run: no ports, no generated names, no long data URIs."""
    if isinstance(value, dict):
        return {name: shortened(item) for name, item in value.items()}
    if isinstance(value, list):
        return [shortened(item) for item in value]
    if not isinstance(value, str):
        return value
    text = re.sub(r"^(data:[a-z]+/[a-z0-9]+;base64,).*", r"\1…", value, flags=re.DOTALL)
    return re.sub(r"^http://127\.0\.0\.1:[0-9]+/.*(\.[a-z0-9]+)$", r"https://v3b.fal.media/…\1", text)
