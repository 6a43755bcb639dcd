"""GET /videos: pages, order, filters, and cursors that point at nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.api import schemas
from tests.api.tenants import without_links
from tests.serving import serve, settings_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.serving import Running

FINISHED, MADE = 0, 12  # the first of the videos below is finished; the rest were cancelled


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Serve a gateway of this module's own: its list holds what was put there, and nothing else."""
    with serve(settings_for(tmp_path_factory.mktemp("list"))) as running:
        yield running


@pytest.fixture(scope="module")
def made(shop: Running) -> list[dict[str, Any]]:
    """Make videos, oldest first; every third one is asked for by another name of the model."""
    videos = [shop.finished()]
    with shop.idle():
        for number in range(1, MADE):
            video = shop.live(prompt=f"number {number}", model="sora-2" if number % 3 == 0 else "grok-imagine-video")
            videos.append(shop.http.post(f"/v1/videos/{video['id']}/cancel").json())
    return videos


def page(shop: Running, **query: object) -> dict[str, Any]:
    answer = shop.http.get("/v1/videos", params={name: str(value) for name, value in query.items()})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    schemas.VideoList.model_validate(found, strict=True)
    ids = ids_of(found)
    assert (found["first_id"], found["last_id"]) == ((ids[0], ids[-1]) if ids else (None, None))
    return found


def ids_of(found: dict[str, Any]) -> list[str]:
    return [video["id"] for video in found["data"]]


def names(made: list[dict[str, Any]]) -> list[str]:
    return [video["id"] for video in made]


def test_the_newest_video_comes_first(shop: Running, made: list[dict[str, Any]]) -> None:
    found = page(shop)
    assert ids_of(found) == names(made)[::-1]
    assert found["has_more"] is False


def test_a_listed_video_is_the_video_that_retrieve_gives(shop: Running, made: list[dict[str, Any]]) -> None:
    for listed in page(shop)["data"]:
        assert listed == shop.http.get(f"/v1/videos/{listed['id']}").json()
    assert without_links(page(shop)["data"][-1]) == without_links(made[FINISHED])  # which are signed anew every hour


def test_ascending_order_begins_with_the_oldest(shop: Running, made: list[dict[str, Any]]) -> None:
    assert ids_of(page(shop, order="asc")) == names(made)


@pytest.mark.parametrize("limit", [1, 5, 12, 100])
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_following_the_cursor_gives_each_video_once(
    shop: Running, made: list[dict[str, Any]], limit: int, order: str
) -> None:
    found = page(shop, limit=limit, order=order)
    seen = ids_of(found)
    while found["has_more"]:
        assert len(found["data"]) == limit
        found = page(shop, limit=limit, order=order, after=found["last_id"])
        seen += ids_of(found)
    assert seen == (names(made) if order == "asc" else names(made)[::-1])


def test_a_limit_of_zero_is_an_empty_page(shop: Running, made: list[dict[str, Any]]) -> None:
    assert made
    found = page(shop, limit=0, after="after", order="asc")
    assert (found["data"], found["has_more"]) == ([], False)
    assert page(shop, limit=0)["data"] == []


def test_an_unknown_cursor_is_the_end_of_the_list(shop: Running, made: list[dict[str, Any]]) -> None:
    assert made
    found = page(shop, after="video_123")
    assert (found["data"], found["has_more"]) == ([], False)


@pytest.mark.parametrize(
    "query",
    [
        "limit=101",
        "limit=-1",
        "limit=x",
        "order=up",
        "status=cancelled",
        "created_after=x",
        f"prompt={'a' * 257}",
    ],
)
def test_a_malformed_query_is_refused_by_name(shop: Running, query: str) -> None:
    answer = shop.http.get(f"/v1/videos?{query}")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "invalid_value", query.partition("=")[0])


def test_videos_are_filtered_by_status(shop: Running, made: list[dict[str, Any]]) -> None:
    assert ids_of(page(shop, status="completed")) == [made[FINISHED]["id"]]
    assert len(page(shop, status="failed")["data"]) == MADE - 1
    assert page(shop, status="queued")["data"] == []


def test_videos_are_filtered_by_the_model_that_was_asked_for(shop: Running, made: list[dict[str, Any]]) -> None:
    wanted = [video["id"] for video in made if video["model"] == "sora-2"]
    assert len(wanted) == 3
    found = page(shop, model="sora-2", order="asc", limit=2)
    assert ids_of(found) == wanted[:2]
    assert ids_of(page(shop, model="sora-2", order="asc", limit=2, after=found["last_id"])) == wanted[2:]
    assert page(shop, model="no-such-model")["data"] == []


def test_videos_are_filtered_by_the_time_they_were_made(shop: Running, made: list[dict[str, Any]]) -> None:
    first, last = made[0]["created_at"], made[-1]["created_at"]
    assert len(page(shop, created_after=first, created_before=last + 1)["data"]) == MADE
    assert page(shop, created_after=last + 1)["data"] == []
    assert page(shop, created_before=first)["data"] == []


def test_videos_are_filtered_by_who_makes_them(shop: Running, made: list[dict[str, Any]]) -> None:
    assert ids_of(page(shop, provider="local", order="asc")) == names(made)
    assert page(shop, provider="fal")["data"] == []


def test_prompts_are_searched_in_whatever_case(shop: Running, made: list[dict[str, Any]]) -> None:
    assert ids_of(page(shop, prompt="MBER 1", order="asc")) == [made[number]["id"] for number in (1, 10, 11)]
    assert ids_of(page(shop, prompt="")) == names(made)[::-1]
    for nowhere in ("number  1", "%", "number_1", "\\", "'; DROP TABLE videos --", "\0", "a" * 256):
        assert page(shop, prompt=nowhere)["data"] == [], nowhere


def test_filters_narrow_together_and_cursors_go_on_within_them(shop: Running, made: list[dict[str, Any]]) -> None:
    wanted = [video["id"] for number, video in enumerate(made) if number in (3, 6, 9)]
    asked = {"provider": "local", "prompt": "NUMBER", "model": "sora-2", "status": "failed", "order": "asc", "limit": 2}
    found = page(shop, **asked)
    assert (ids_of(found), found["has_more"]) == (wanted[:2], True)
    rest = page(shop, **asked, after=found["last_id"])
    assert (ids_of(rest), rest["has_more"]) == (wanted[2:], False)
    assert page(shop, **{**asked, "status": "completed"})["data"] == []


def test_a_cursor_outlives_its_video(shop: Running, made: list[dict[str, Any]]) -> None:
    extra = shop.create()["id"]
    assert shop.http.delete(f"/v1/videos/{extra}").status_code == 200
    assert ids_of(page(shop, after=extra)) == names(made)[::-1]
    assert extra not in ids_of(page(shop))


@pytest.mark.parametrize("path", ["/v1/videos/", "/openai/v1/videos", "/openai/v1/videos/"])
def test_every_address_of_the_list_answers(shop: Running, made: list[dict[str, Any]], path: str) -> None:
    answer = shop.http.get(path, params={"limit": 1}, follow_redirects=False)
    assert ids_of(answer.json()) == [made[-1]["id"]]
