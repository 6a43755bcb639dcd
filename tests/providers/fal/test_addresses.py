"""Where fal's requests live, and that the key goes nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from app.providers.errors import Rejected
from app.providers.fal.addresses import app_of, operation_of, submit_url, url_of, with_query
from tests.providers.fal.bench import T2V

QUEUE = "https://queue.fal.run"


@pytest.mark.parametrize(
    ("endpoint", "app"),
    [
        ("xai/grok-imagine-video/v1.5/lite/text-to-video", "xai/grok-imagine-video"),
        ("fal-ai/veo3.1", "fal-ai/veo3.1"),
        ("workflows/owner/flow/deep", "workflows/owner/flow"),
        ("comfy/owner/flow", "comfy/owner/flow"),
    ],
)
def test_requests_are_addressed_by_their_app(endpoint: str, app: str) -> None:
    assert app_of(endpoint) == app
    assert operation_of(QUEUE, "a/b", endpoint, {})["cancel_url"] == f"{QUEUE}/{app}/requests/a%2Fb/cancel"


@pytest.mark.parametrize("endpoint", ["", "xai", "xai/", "/xai/a", "xai/../b", "xai/a b", "xai/a?b", "xai/a#b", "ä/b"])
def test_what_is_no_endpoint_is_refused_unsent(endpoint: str) -> None:
    with pytest.raises(Rejected, match="endpoint id"):
        submit_url(QUEUE, endpoint, None)


@pytest.mark.parametrize(
    ("told", "used"),
    [
        (f"{QUEUE}/xai/a/b/requests/1/status/", f"{QUEUE}/xai/a/b/requests/1/status/"),
        ("https://queue.falrun.com/xai/a/requests/1/status", f"{QUEUE}/xai/a/requests/1/status"),
        ("https://evil.example/status", None),
        ("http://queue.fal.run/status", None),
        ("https://queue.fal.run@evil.example/status", None),
        ("https://queue.fal.run:444/status", None),
        ("https://[/status", None),
        (f"{QUEUE}/a b", None),
        (f"{QUEUE}/a\n", None),
        (f"{QUEUE}/ä", None),
        (None, None),
        (7, None),
    ],
)
def test_urls_of_other_hosts_are_never_followed(told: Any, used: str | None) -> None:
    operation = operation_of(QUEUE, "1", "xai/a", {"status_url": told})
    built = f"{QUEUE}/xai/a/requests/1/status"
    assert operation["status_url"] == (used or built)
    assert url_of(QUEUE, {"id": "1", "endpoint": "xai/a", "status_url": told}, "status_url") == (used or built)


def test_callback_urls_and_queries_are_quoted() -> None:
    url = submit_url(QUEUE, T2V, "https://me.example/hook/1/mac?x=1&y")
    assert url == f"{QUEUE}/{T2V}?fal_webhook=https%3A%2F%2Fme.example%2Fhook%2F1%2Fmac%3Fx%3D1%26y"
    assert with_query("https://a/b?c=d", "logs=0") == "https://a/b?c=d&logs=0"
