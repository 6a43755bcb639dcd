"""fal-client against the fake at argv[1]; prints what it saw as JSON. Only the hosts are changed (fal.md §8.1)."""

from __future__ import annotations

import base64
import json
import sys
from importlib import import_module
from typing import Any

import httpx

# By name, because it may live outside the environment that the type checker knows.
fal_client: Any = import_module("fal_client")
hosts: Any = import_module("fal_client.client")

BASE, KEY, PICTURE = sys.argv[1], sys.argv[2], base64.b64decode(sys.argv[3])
ENDPOINT = "xai/grok-imagine-video/text-to-video"
hosts.QUEUE_URL_FORMAT = hosts.RUN_URL_FORMAT = f"{BASE}/"
hosts.REST_URL = hosts.CDN_URL = BASE
fal = fal_client.SyncClient(key=KEY)


def pass_time() -> None:
    """Put the fake's time forward by one second: what waits begins to run, what runs ends."""
    httpx.post(f"{BASE}/_fake/advance", json={"seconds": 1}, timeout=60).raise_for_status()


def go_on(status: Any) -> None:
    """Let a job that was seen to wait or run go on."""
    if not isinstance(status, fal_client.Completed):
        pass_time()


def failure(**arguments: Any) -> dict[str, Any]:
    """Return how the client reports that a job failed."""
    try:
        fal.subscribe(ENDPOINT, arguments, with_logs=True, on_queue_update=go_on)
    except fal_client.FalClientHTTPError as error:
        return {"status": error.status_code, "message": error.message, "type": error.error_type}
    raise AssertionError("the job did not fail")


def main() -> None:
    """Go through everything."""
    seen: dict[str, Any] = {}
    states: list[str] = []
    logs: list[str] = []

    def update(status: Any) -> None:
        states.append(type(status).__name__)
        logs.extend(entry["message"] for entry in getattr(status, "logs", None) or [])
        go_on(status)

    result = fal.subscribe(
        ENDPOINT, {"prompt": "python subscribes", "duration": 2}, with_logs=True, on_queue_update=update
    )
    seen["subscribe"] = {**result, "bytes": len(httpx.get(result["video"]["url"], timeout=60).content)}
    seen["states"], seen["logs"] = sorted(set(states)), sorted(set(logs))

    handle = fal.submit(ENDPOINT, {"prompt": "python submits"})
    first = handle.status()
    seen["status"] = [type(first).__name__, getattr(first, "position", None)]
    pass_time()
    pass_time()
    assert fal.result(ENDPOINT, handle.request_id) == handle.get()
    seen["completed"] = type(fal.status(ENDPOINT, handle.request_id)).__name__

    held = fal.submit(ENDPOINT, {"prompt": "python cancels"})
    fal.cancel(ENDPOINT, held.request_id)
    seen["cancelled"] = held.status().error_type

    url = fal.upload(PICTURE, "image/png", file_name="picture.png")
    seen["uploaded"] = httpx.get(url, timeout=60).content == PICTURE
    other = fal.upload(PICTURE, "image/png", file_name="picture.png", repository="fal")
    seen["uploaded_by_storage"] = httpx.get(other, timeout=60).content == PICTURE
    hosts.MULTIPART_THRESHOLD, hosts.MULTIPART_CHUNK_SIZE = 10, 7
    parts = fal.upload(b"more than one part of seven", "text/plain", file_name="parts.txt")
    seen["multipart"] = httpx.get(parts, timeout=60).text
    moving = fal.subscribe(
        "xai/grok-imagine-video/image-to-video",
        {"prompt": "python moves a picture", "image_url": url, "duration": 1},
        on_queue_update=go_on,
    )
    seen["moving"] = moving["video"]

    seen["wrong"] = failure(prompt="python errs", duration=99)
    seen["flagged"] = failure(prompt="python is flagged")
    sys.stdout.write(json.dumps(seen))


if __name__ == "__main__":
    main()
