"""The audit trail: one line of the log for each change to who may do what."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.api.holders import client, make
from tests.receiver import receiving

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx
    import pytest

    from tests.serving import Running

ADMIN_KEY = "an-admin-key-of-the-audit-trail"


class Trail:
    """The audit lines since they were last read."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self.capfd = capfd
        self.seen = ""

    def read(self) -> list[dict[str, Any]]:
        text = self.capfd.readouterr().err
        self.seen += text
        lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        for line in lines:
            line.pop("timestamp")
        return [line for line in lines if line.pop("event") == "audit" and line.pop("level") == "info"]


def ask(http: httpx.Client, method: str, path: str, **body: object) -> dict[str, Any]:
    answer = http.request(method, path, json=body, headers={"x-request-id": "asked:1"})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_what_is_done_to_keys_is_told_once(
    start_gateway: Callable[..., Running], capfd: pytest.CaptureFixture[str]
) -> None:
    trail = Trail(capfd)
    with client(start_gateway(admin_key=ADMIN_KEY), ADMIN_KEY) as admin:
        made = ask(admin, "POST", "/v1/keys", name="secret plans", role="admin")
        path = f"/v1/keys/{made['id']}"
        changes = {"name": "public plans", "role": "admin", "budget_usd": 5, "models": ["sora-2"]}
        ask(admin, "PATCH", path, **changes)
        rotated = ask(admin, "POST", f"{path}/rotate", grace_seconds=60)
        ask(admin, "DELETE", path)
        ask(admin, "DELETE", f"{path}?cancel=true")
        for method, body in (("DELETE", {}), ("PATCH", {"name": "x"}), ("PATCH", {"role": "king"})):
            assert admin.request(method, path, json=body).is_client_error
        assert admin.get(path).status_code == 200
    about = {"who": "admin", "target": made["id"], "request_id": "asked:1"}
    assert trail.read() == [
        {"action": "key.create", "role": "admin", **about},
        {"action": "key.update", "changed": ["budget", "models", "name"], **about},
        {"action": "key.rotate", "grace_seconds": 60.0, **about},
        {"action": "key.revoke", **about},
        {"action": "key.cancel", "videos": 0, "endpoints": 0, **about},
    ]
    for secret in (made["key"], rotated["key"], ADMIN_KEY):
        assert secret not in trail.seen


def test_what_an_admin_ends_of_a_revoked_key_is_told_and_what_is_its_own_is_not(
    start_gateway: Callable[..., Running], capfd: pytest.CaptureFixture[str]
) -> None:
    trail = Trail(capfd)
    gateway = start_gateway(admin_key=ADMIN_KEY)
    with client(gateway, ADMIN_KEY) as admin, gateway.idle():
        key = make(admin)
        with client(gateway, key["key"]) as holder:
            theirs = ask(holder, "POST", "/v1/videos", prompt="a boat")["id"]
        own = ask(admin, "POST", "/v1/videos", prompt="a boat")["id"]
        ask(admin, "DELETE", f"/v1/keys/{key['id']}")
        trail.read()
        for video_id in (theirs, own):
            ask(admin, "POST", f"/v1/videos/{video_id}/cancel")
            ask(admin, "DELETE", f"/v1/videos/{video_id}")
    about = {"who": "admin", "target": theirs, "key": key["id"], "request_id": "asked:1"}
    assert trail.read() == [{"action": "video.cancel", **about}, {"action": "video.delete", **about}]


def test_what_is_done_to_receivers_of_webhooks_is_told_by_whose_key(
    start_gateway: Callable[..., Running], capfd: pytest.CaptureFixture[str]
) -> None:
    trail = Trail(capfd)
    gateway = start_gateway(admin_key=ADMIN_KEY, allow_private_networks="127.0.0.1")
    with receiving() as receiver, client(gateway, ADMIN_KEY) as admin:
        key = make(admin)
        with client(gateway, key["key"]) as member:
            trail.read()
            url = f"{receiver.url()}?token=hidden"
            wanted = {"name": "a", "url": url, "event_types": ["video.completed"]}
            made = ask(member, "POST", "/v1/webhook_endpoints", **wanted)
            path = f"/v1/webhook_endpoints/{made['id']}"
            ask(member, "POST", path, url=f"{url}2", status="enabled")
            ask(member, "POST", f"{path}/test", event_type="video.completed")
            rotated = ask(member, "POST", f"{path}/rotate_secret", keep_old_secret_active_for_24_hours=True)
            ask(member, "DELETE", path)
            own = ask(member, "POST", "/v1/webhooks/secret/rotate", keep_old_secret_active_for_24_hours=True)["key"]
            for method, suffix in (("DELETE", ""), ("POST", ""), ("POST", "/rotate_secret")):
                assert member.request(method, path + suffix, json={}).status_code == 404
    about = {"who": key["id"], "target": made["id"], "request_id": "asked:1"}
    assert trail.read() == [
        {"action": "webhook_endpoint.create", **about},
        {"action": "webhook_endpoint.update", "changed": ["url", "enabled"], **about},
        {"action": "webhook_endpoint.rotate_secret", "keeps_old": True, **about},
        {"action": "webhook_endpoint.delete", **about},
        {"action": "webhook_secret.rotate", "keeps_old": True, **about, "target": key["id"]},
    ]
    for secret in (made["signing_secret"], rotated["signing_secret"], own, "hidden"):
        assert secret not in trail.seen
