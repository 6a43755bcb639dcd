"""Planted secrets: a session of the gateway against fakes, and then every place is searched for every one of them."""

from __future__ import annotations

import base64
import json
import sqlite3
import time
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from tests.api.creating import picture
from tests.bucket import SECRET as BUCKET_SECRET
from tests.cli.processes import served
from tests.files import files_in
from tests.receiver import receiving
from tests.upstreams import aimlapi, fal, xai
from tests.upstreams.__main__ import environment
from tests.upstreams.behaviour import Rule, answer
from tests.upstreams.running import run

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from tests.bucket import Bucket

ADMIN_KEY = "planted-admin-key-0123456789"
METRICS_KEY = "planted-metrics-key-0123456789"
WRONG_KEY = "rg_plantedplantedplantedplantedplanted"
PASSWORD, TOKEN = "planted-password", "planted-token-of-a-signed-url"
HOOK = "planted-path-of-a-webhook"  # as chat services have it: whoever knows the path may post
PROMPT = "a planted sea that nobody else has to know of"
PICTURE = base64.b64encode(picture(200, 200)).decode()
AUDITED = {
    "key": ("create", "update", "rotate", "revoke"),
    "webhook_endpoint": ("create", "update", "rotate_secret", "delete"),
}
KEYS = {"fal": fal.KEY, "aimlapi": aimlapi.KEY, "xai": xai.KEY}


@dataclass
class Wire:
    """A fake upstream, and everything that it is sent."""

    app: ASGIApp
    seen: bytearray = field(default_factory=bytearray)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.seen += str(scope.get("path")).encode() + b"?" + scope.get("query_string", b"") + b"\n"
        for name, value in scope.get("headers", []):
            self.seen += name + b": " + value + b"\n"

        async def listen() -> Message:
            message = await receive()
            self.seen += message.get("body", b"")
            return message

        await self.app(scope, listen, send)


class Client:
    """A client that keeps what it is answered."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=60, trust_env=False)
        self.seen = bytearray()

    def ask(self, method: str, path: str, key: str | None = None, *, secret: bool = False, **request: Any) -> Any:
        """Ask with a key and return the JSON; a `secret` answer, which hands one out, is not kept."""
        headers = {"authorization": f"Bearer {key}"} if key else {}
        got = self.http.request(method, path, headers=headers, **request)
        if not secret:
            self.seen += str(got.headers).encode() + got.content
        return got.json() if got.headers["content-type"] == "application/json" else None

    def wait(self, video_id: str, key: str) -> dict[str, Any]:
        """Wait for the end of a video."""
        deadline = time.monotonic() + 60
        while True:
            video: dict[str, Any] = self.ask("GET", f"/v1/videos/{video_id}", key)
            if video["status"] in ("completed", "failed"):
                return video
            assert time.monotonic() < deadline
            time.sleep(0.2)


@dataclass
class Session:
    """What was planted, and what was seen where."""

    planted: dict[str, bytes] = field(default_factory=dict)
    places: dict[str, bytes] = field(default_factory=dict)

    def found(self) -> set[tuple[str, str]]:
        """Return which secret lies in which place."""
        return {
            (name, place)
            for name, secret in self.planted.items()
            for place, content in self.places.items()
            if secret in content
        }


def database(folder: Path) -> bytes:
    """Read everything under the data folder that is no media: the database, its journal, lock and scratch."""
    found = b""
    for path in files_in(folder):
        with suppress(FileNotFoundError):  # a job's own file, which goes with it
            found += path.read_bytes() + path.name.encode()
    return found


def request_log(folder: Path) -> bytes:
    """Read every value of every entry of the request log."""
    with closing(sqlite3.connect(folder / "reelgate.sqlite3")) as database:
        return json.dumps(database.execute("SELECT * FROM request_log").fetchall()).encode()


def administer(client: Client, session: Session, endpoint_id: str, hook: str) -> None:
    """Do everything that leaves a line in the audit trail, but settle a submission."""
    made = client.ask("POST", "/v1/keys", ADMIN_KEY, json={"name": "second"}, secret=True)
    path = f"/v1/keys/{made['id']}"
    client.ask("PATCH", path, ADMIN_KEY, json={"name": "renamed", "budget_usd": 5})
    rotated = client.ask("POST", f"{path}/rotate", ADMIN_KEY, json={"grace_seconds": 60}, secret=True)
    client.ask("DELETE", path, ADMIN_KEY)
    member = session.planted["member key"].decode()
    path = f"/v1/webhook_endpoints/{endpoint_id}"
    client.ask("POST", path, member, json={"url": f"{hook}?token={TOKEN}&more"})
    anew = client.ask("POST", f"{path}/rotate_secret", member, json={}, secret=True)["signing_secret"]
    doomed = {"name": "y", "url": f"{hook}?token={TOKEN}", "event_types": ["video.failed"]}
    gone = client.ask("POST", "/v1/webhook_endpoints", member, json=doomed, secret=True)
    client.ask("DELETE", f"/v1/webhook_endpoints/{gone['id']}", member)
    session.planted |= {
        "second key": made["key"].encode(),
        "rotated key": rotated["key"].encode(),
        "rotated secret": anew.removeprefix("whsec_").encode(),
    }


def use(client: Client, session: Session, hook: str) -> None:
    """Do what teams do in a day, mistakes included."""
    member = client.ask("POST", "/v1/keys", ADMIN_KEY, json={"name": "team"}, secret=True)["key"]
    secret = client.ask("GET", "/v1/webhooks/secret", member, secret=True)["key"]
    endpoint = {"name": "x", "url": f"{hook}?token={TOKEN}", "event_types": ["video.completed"]}
    made = client.ask("POST", "/v1/webhook_endpoints", member, json=endpoint, secret=True)
    stored = made["signing_secret"]
    session.planted |= {
        "member key": member.encode(),
        "webhook secret": secret.removeprefix("whsec_").encode(),
        "endpoint secret": stored.removeprefix("whsec_").encode(),
    }
    image = f"data:image/png;base64,{PICTURE}"
    for provider in KEYS:
        order = {"prompt": PROMPT, "model": f"{provider}/grok-imagine-video", "image_url": image, "webhook_url": hook}
        video = client.ask("POST", "/v1/videos", member, json=order)
        done = client.wait(video["id"], member)
        assert done["status"] == "completed", done
        signature = httpx.URL(done["url"]).params["signature"]
        session.planted[f"signature {provider}"] = signature.encode()
        client.http.get(done["url"])
        client.ask("GET", httpx.URL(done["url"]).raw_path.decode() + "0")
    mistakes: tuple[dict[str, object], ...] = (
        {"prompt": "x", "image_url": f"https://user:{PASSWORD}@example.com/a.png"},
        {"prompt": "x", "image_url": f"https://127.0.0.9/a.png?token={TOKEN}"},
        {"prompt": "x", "image_url": f"http://127.0.0.1:1/a.png?token={TOKEN}"},
        {"prompt": "x", "webhook_url": f"https://10.0.0.1/{HOOK}?token={TOKEN}"},
        {"prompt": "x", "image_url": f"data:image/gif;base64,{PICTURE[:-60]}", "n": 99},
        {"prompt": 5, "image": image},
    )
    for body in mistakes:
        assert "error" in client.ask("POST", "/v1/videos", member, json=body)
    for key in (WRONG_KEY, member[:-1] + "x", None):
        assert "error" in client.ask("GET", "/v1/videos", key)
    assert "error" in client.ask("POST", "/v1/keys", member, json={"name": "more"})
    administer(client, session, made["id"], hook)
    client.ask("GET", "/v1/requests", ADMIN_KEY, params={"limit": 100})
    client.ask("GET", "/v1/requests", member)
    client.ask("GET", "/v1/keys", ADMIN_KEY)
    client.ask("GET", "/v1/webhook_endpoints", member)
    client.ask("GET", "/v1/models", member)
    client.ask("GET", "/openapi.json")


def fail(client: Client) -> None:
    """Have every provider answer with the key it was sent, as some do."""
    for provider in KEYS:
        for _ in range(2):
            order = {"prompt": "a sea", "model": f"{provider}/grok-imagine-video"}
            video = client.ask("POST", "/v1/videos", ADMIN_KEY, json=order)
            assert client.wait(video["id"], ADMIN_KEY)["status"] == "failed"
    client.ask("GET", "/v1/submissions", ADMIN_KEY)


def echo(key: str, status: int) -> Rule:
    """Refuse a submission in words that repeat the key."""
    said = f"Incorrect API key provided: {key}"
    refusal = answer(status, {"detail": said, "error": said, "message": said, "code": "invalid-argument"})
    return Rule(on="submit", do=refusal)


def test_no_planted_secret_is_found_where_it_does_not_belong(
    tmp_path: Path, bucket: Bucket, capfd: pytest.CaptureFixture[str]
) -> None:
    session = Session({name: key.encode() for name, key in KEYS.items()})
    session.planted |= {
        "admin key": ADMIN_KEY.encode(),
        "metrics key": METRICS_KEY.encode(),
        "wrong key": WRONG_KEY.encode(),
        "bucket key": BUCKET_SECRET.encode(),
        "password": PASSWORD.encode(),
        "token": TOKEN.encode(),
        "webhook path": HOOK.encode(),
        "picture": PICTURE[40:120].encode(),
        "prompt": PROMPT.encode(),
    }
    fakes: dict[str, fal.FakeFal | aimlapi.FakeAimlApi | xai.FakeXai] = {
        "fal": fal.FakeFal(),
        "aimlapi": aimlapi.FakeAimlApi(seconds=0.1),
        "xai": xai.FakeXai(seconds=0.1),
    }
    wires = {name: Wire(fake.app) for name, fake in fakes.items()}
    with ExitStack() as stack:
        receiver = stack.enter_context(receiving())
        urls = [stack.enter_context(run(wire)) for wire in wires.values()]
        settings = {
            **environment(*urls),
            **bucket.environment,
            "REELGATE_MEDIA_URL": bucket.url,
            "REELGATE_ADMIN_KEY": ADMIN_KEY,
            "REELGATE_METRICS_KEY": METRICS_KEY,
            "REELGATE_LOG_LEVEL": "debug",
            "REELGATE_POLL_SECONDS": "0.1",
            "REELGATE_ALLOW_PRIVATE_NETWORKS": "127.0.0.1",
        }
        process = stack.enter_context(served(tmp_path, **settings))
        client = Client(process.url)
        stack.callback(client.http.close)
        use(client, session, receiver.url(f"/hooks/{HOOK}"))
        receiver.wait(6)
        for name, fake in fakes.items():
            fake.rules.add(echo(KEYS[name], 400), echo(KEYS[name], 401))
        fail(client)
        client.ask("GET", "/v1/requests", ADMIN_KEY)
        session.places["metrics"] = client.http.get(
            "/metrics", headers={"authorization": f"Bearer {METRICS_KEY}"}
        ).content
        session.places["request log"] = request_log(tmp_path / "data")
        session.places["database"] = database(tmp_path / "data")
        session.places["greeting"] = process.greeting.encode()
    assert b"reelgate_outputs_ended_total{" in session.places["metrics"]
    captured = capfd.readouterr()
    assert "POST" in captured.err + captured.out, "the log was captured"
    audited = "".join(line for line in captured.err.splitlines(keepends=True) if '"event": "audit"' in line)
    for thing, actions in AUDITED.items():
        assert all(f'"{thing}.{action}"' in audited for action in actions)
    for seen in (b"/v1/videos", b"/v1/keys/{key_id}/rotate", b"url_not_allowed", b"fal/grok-imagine-video"):
        assert seen in session.places["request log"]
    session.places |= {
        "audit trail": audited.encode(),
        "log": (captured.err + captured.out).encode(),
        "answers": bytes(client.seen),
        "webhooks": json.dumps([(each.path, each.headers, each.body.decode()) for each in receiver.got]).encode(),
        **{f"traffic to {name}": bytes(wire.seen) for name, wire in wires.items()},
    }
    belongs = {
        *((name, f"traffic to {name}") for name in KEYS),
        *((f"signature {name}", place) for name in KEYS for place in ("answers", "webhooks")),
        *((secret, f"traffic to {name}") for name in KEYS for secret in ("picture", "prompt")),
        *(("prompt", place) for place in ("database", "answers")),
        *((name, "database") for name in ("webhook secret", "endpoint secret", "rotated secret")),  # they sign
        # Parts of the endpoint's own URL:
        *((name, place) for name in ("token", "webhook path") for place in ("database", "webhooks", "answers")),
    }
    found = session.found()
    assert found - belongs == set()
    assert {(name, f"traffic to {name}") for name in KEYS} <= found, "the search finds what is there"
