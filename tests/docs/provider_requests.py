"""What leaves for a provider and what it costs: requests made through a real gateway, read back from the fakes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from app.domain import catalogue
from app.domain.catalogue import Mode
from tests.api.creating import PICTURE
from tests.pitfalls.bench import REAL
from tests.upstreams import aimlapi_models, fal_models, xai_models
from tests.upstreams.behaviour import Rule, never
from tests.upstreams.films import film

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.pitfalls.bench import Bench

PROMPT = "a paper boat on a calm sea"
SOURCE = film(854, 480, 49)  # two seconds
_KNOWN: dict[str, Callable[[str, str], bool]] = {
    "fal": lambda _model, endpoint: endpoint in fal_models.ENDPOINTS,
    "aimlapi": lambda _model, endpoint: aimlapi_models.find(endpoint) is not None,
    "xai": lambda model, _endpoint: xai_models.find(model) is not None,
}


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


@dataclass(frozen=True)
class Table:
    """Every offering of the catalogue that a fake can judge, and those that none can."""

    rows: list[Left] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def every_offering(bench: Bench) -> Table:
    """Make the typical request of every model, mode and provider, to its end."""
    table = Table()
    for model in catalogue.builtin().models.values():
        for mode in model.modes:
            for provider in REAL:
                offering = model.offerings.get(provider)
                if offering is None or mode not in offering.modes:
                    continue
                endpoint = offering.modes[mode].endpoint
                if _KNOWN[provider](model.id, endpoint):
                    table.rows.append(_to_its_end(bench, model.id, mode, provider))
                else:
                    table.unknown.append(f"`{provider}/{model.id}`, {mode}: `{endpoint}`")
    return table


def payload_of(bench: Bench, provider: str, model: str, request: Request) -> dict[str, Any]:
    """Return what leaves for a request, and stop the job there."""
    bench.reset()
    bench.rules(provider).add(Rule(on="job", do=never(), times=None))
    video = _post(bench, provider, model, request)
    body: dict[str, Any] = bench.sent(provider)
    assert bench.main.http.post(f"/v1/videos/{video['id']}/cancel").status_code == 200
    return body


def _to_its_end(bench: Bench, model: str, mode: Mode, provider: str) -> Left:
    bench.reset()
    video = bench.main.wait(_post(bench, provider, model, TYPICAL[mode])["id"])
    assert video["status"] == "completed", (model, mode, provider, video["error"])
    paid = bench.ledger(provider).paid()
    assert len(paid) == 1
    assert round((video["metadata"]["cost"] or 0) * 1_000_000) == paid[0].charged
    request_id = paid[0].request_id
    polls = [
        target.replace(request_id, "{id}") for target in bench.heard[provider].targets("GET") if request_id in target
    ]
    posts = [target for target in bench.heard[provider].targets("POST") if not target.startswith("/storage")]
    return Left(
        model,
        mode,
        provider,
        posts[0],
        shortened(paid[0].body),
        polls[0],
        video["metadata"]["cost_estimate"],
        video["metadata"]["cost"],
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
