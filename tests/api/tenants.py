"""A tenant who has one of everything, all that such a one can see, and the ids that a stranger may try."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.api.creating import PICTURE
from tests.receiver import wait_until

if TYPE_CHECKING:
    import httpx

    from tests.receiver import Receiver
    from tests.serving import Running

PLANTED = "planted-by-the-owner"  # what only the owner may see
IDEMPOTENCY_KEY = "the-owners-idempotency-key"
OF_ALL = {"model_id", "provider"}
STREAM = "/v1/videos/events"  # it does not end; tests/api/test_all_events.py has it
UNREAD = ("/content", "/events", "/inputs/", "/keys")  # not JSON, or not the owner's to see
NOBODYS = {
    "video_id": "video_00000000000000000000000000000000",
    "file_id": "file_00000000000000000000000000000000",
    "character_id": "char_00000000000000000000000000000000",
    "webhook_endpoint_id": "we_00000000000000000000000000000000",
    "delivery_id": "evt_00000000000000000000000000000000",
    "key_id": "key_000000000000000000000000",
    "submission_id": "sub_00000000000000000000000000000000",
    "request_id": "req_000000000000000000000000",
    "model_id": "sora-2",
    "provider": "local",
    "index": "0",
}


@dataclass(frozen=True)
class Tenants:
    """The owner of `ids`, a stranger who is a member, and one who has an admin key."""

    owner: httpx.Client
    member: httpx.Client
    admin: httpx.Client
    ids: dict[str, str]
    routes: list[tuple[str, str, set[str]]]

    def seen_by_owner(self) -> list[Any]:
        """Return all JSON that the owner can read, without the signatures of links, which are made anew."""
        found = []
        for method, path, queries in self.routes:
            if method == "GET" and not any(part in path for part in UNREAD):
                answer = self.owner.get(path.format_map(self.ids), params={"limit": 100} if "limit" in queries else {})
                found.append((path, answer.status_code, without_links(answer.json())))
        return found


def without_links(value: Any) -> Any:
    """Take the queries out of addresses."""
    if isinstance(value, dict):
        return {name: without_links(item) for name, item in value.items()}
    if isinstance(value, list):
        return [without_links(item) for item in value]
    return value.partition("?")[0] if isinstance(value, str) and value.startswith("http") else value


def routes_of(gateway: Running) -> list[tuple[str, str, set[str]]]:
    """Return every method and path of the OpenAPI document, with the names of its queries."""
    paths = gateway.http.get("/openapi.json").json()["paths"]
    return [
        (method.upper(), path, {each["name"] for each in operation.get("parameters", []) if each["in"] == "query"})
        for path, operations in paths.items()
        for method, operation in operations.items()
        if path.startswith("/v1/")
    ]


def everything(owner: httpx.Client, receiver: Receiver) -> dict[str, str]:
    """Make one of everything, planted wherever text is taken, and wait until none of it changes any more."""
    hook = {"name": PLANTED, "url": receiver.url(f"/{PLANTED}"), "event_types": ["video.completed"]}
    endpoint = owner.post("/v1/webhook_endpoints", json=hook).json()["id"]
    file = owner.post("/v1/files", files={"file": (f"{PLANTED}.png", PICTURE)}).json()["id"]
    wanted = {
        "prompt": PLANTED,
        "seconds": 1,
        "resolution": "480p",
        "input_reference": {"file_id": file},
        "metadata": {PLANTED: PLANTED},
        "user": PLANTED,
    }
    video = owner.post("/v1/videos", json=wanted, headers={"idempotency-key": IDEMPOTENCY_KEY}).json()["id"]
    wait_until(lambda: delivered(owner), "the webhook was not delivered")
    clip = owner.get(f"/v1/videos/{video}/content").content
    character = owner.post("/v1/videos/characters", data={"name": PLANTED}, files={"video": ("a.mp4", clip)}).json()
    return {
        **NOBODYS,
        "video_id": video,
        "file_id": file,
        "character_id": character["id"],
        "webhook_endpoint_id": endpoint,
        "delivery_id": delivered(owner)[0]["id"],
        "request_id": owner.get("/v1/requests", params={"video_id": video}).json()["data"][0]["id"],
    }


def submission_of(boss: httpx.Client, ids: dict[str, str]) -> str:
    """Find the paid request of the video."""
    found = boss.get("/v1/submissions", params={"status": "all"}).json()["data"]
    return str(next(each["id"] for each in found if each["video_id"] == ids["video_id"]))


def delivered(owner: httpx.Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = owner.get("/v1/webhook_deliveries", params={"status": "delivered"}).json()["data"]
    return found
