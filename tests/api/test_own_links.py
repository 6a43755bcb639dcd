"""The gateway's own signed links, given back to it as the input video."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.api.creating import estimate

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.serving import Running


@pytest.fixture(scope="module")
def source(gateway: Running) -> dict[str, Any]:
    """Return a finished video of two seconds and two outputs."""
    return gateway.finished(seconds=2, n=2)


def error_of(answer: httpx.Response) -> tuple[int, str, str | None]:
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["param"]


@pytest.mark.parametrize("form", ["text", "video_url", "url", "nested", "multipart"])
def test_a_link_names_its_video_in_every_form(gateway: Running, source: dict[str, Any], form: str) -> None:
    link = source["outputs"][1]["url"]
    forms: dict[str, object] = {"text": link, "video_url": {"video_url": link}, "url": {"url": link}}
    forms["nested"] = {"image_url": {"url": link}}
    if form == "multipart":
        found = estimate(gateway, "/v1/videos/extensions", files={"prompt": (None, "x"), "video": (None, link)})
    else:
        found = estimate(gateway, "/v1/videos/extensions", json={"prompt": "x", "seconds": 2, "video": forms[form]})
    assert float(found["seconds"]) > float(source["seconds"])


def test_a_link_stands_for_the_output_it_opens(gateway: Running, source: dict[str, Any]) -> None:
    body = {"prompt": "x", "video": source["outputs"][1]["url"]}
    made = gateway.http.post("/v1/videos/edits", json=body).json()
    kept = gateway.data_dir / "media" / "inputs" / made["id"] / "0"
    assert kept.read_bytes() == gateway.http.get(source["outputs"][1]["url"]).content
    gateway.http.post(f"/v1/videos/{made['id']}/cancel")


@pytest.mark.parametrize(
    "changes", [{"signature": "0" * 64}, {"signature": "\u00fc"}, {"expires": "1"}, {"index": "0"}], ids=str
)
def test_a_link_that_was_altered_opens_nothing(
    gateway: Running, source: dict[str, Any], changes: dict[str, str]
) -> None:
    link = str(httpx.URL(source["outputs"][1]["url"]).copy_merge_params(changes))
    answer = gateway.http.post("/v1/videos/edits", json={"prompt": "x", "video_url": link})
    assert error_of(answer) == (400, "invalid_video", "video_url")
    assert "expired or was altered" in answer.json()["error"]["message"]


def test_a_link_to_a_picture_or_to_another_host_is_a_url_like_any_other(
    gateway: Running, source: dict[str, Any]
) -> None:
    thumbnail = source["url"] + "&variant=thumbnail"
    elsewhere = source["url"].replace("127.0.0.1", "127.0.0.2")
    unsigned = source["url"].partition("&expires")[0]
    for link in (thumbnail, elsewhere, unsigned):
        answer = gateway.http.post("/v1/videos/edits", json={"prompt": "x", "video": link})
        assert error_of(answer) == (400, "url_not_allowed", "video"), link


def test_a_link_to_a_deleted_video_finds_none(gateway: Running) -> None:
    made = gateway.finished()
    gateway.http.delete(f"/v1/videos/{made['id']}")
    answer = gateway.http.post("/v1/videos/edits", json={"prompt": "x", "video": made["url"]})
    assert error_of(answer) == (404, "video_not_found", "video")


def test_a_link_under_the_public_address_works_and_lends_the_video_to_its_holder(
    start_gateway: Callable[..., Running],
) -> None:
    gateway = start_gateway(public_url="https://films.example", admin_key="an-admin-key-of-the-link-tests")
    gateway.http.headers["authorization"] = "Bearer an-admin-key-of-the-link-tests"
    made = gateway.finished()
    assert made["url"].startswith("https://films.example/")
    friend = gateway.http.post("/v1/keys", json={"name": "friend"}).json()["key"]
    gateway.http.headers["authorization"] = f"Bearer {friend}"
    by_id = gateway.http.post("/v1/videos/edits", json={"prompt": "x", "video": {"id": made["id"]}})
    assert error_of(by_id) == (404, "video_not_found", "video")
    found = estimate(gateway, "/v1/videos/edits", json={"prompt": "x", "video": made["url"]})
    assert found["seconds"] == made["seconds"]
