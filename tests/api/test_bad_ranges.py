"""Range headers that are malformed, or ask for what the file does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.api.refusals import check_refusal

if TYPE_CHECKING:
    from tests.serving import Running


@pytest.fixture(scope="module")
def video(gateway: Running) -> dict[str, Any]:
    return gateway.finished()


@pytest.mark.parametrize(
    "value",
    ["bytes=", "bytes=-", "bytes=a-b", "bytes=5-1", "bytes=0-0,2-3", "bits=0-1", "",
     "x" * 9000],
    ids=lambda value: value[:30],
)  # fmt: skip
def test_a_range_that_is_malformed_gets_the_whole_file(gateway: Running, video: dict[str, Any], value: str) -> None:
    answer = gateway.http.get(f"/v1/videos/{video['id']}/content", headers={"range": value})
    assert answer.status_code == 200
    assert len(answer.content) == video["output"]["size_bytes"]


@pytest.mark.parametrize("value", ["bytes=999999999-", "bytes=999999999999999999-", "bytes=99999999999999999999-",
                                   "bytes=" + "9" * 5000 + "-", "bytes=-0"], ids=lambda value: value[:40])  # fmt: skip
def test_a_range_beyond_the_file_is_told_how_long_the_file_is(
    gateway: Running, video: dict[str, Any], value: str
) -> None:
    answer = gateway.http.get(f"/v1/videos/{video['id']}/content", headers={"range": value})
    check_refusal(answer, 416, "range_not_satisfiable", "Range", str(video["output"]["size_bytes"]))
    assert answer.headers["content-range"] == f"bytes */{video['output']['size_bytes']}"


@pytest.mark.parametrize("index", [1, 9])
def test_an_output_that_the_video_does_not_have_is_not_found(
    gateway: Running, video: dict[str, Any], index: int
) -> None:
    answer = gateway.http.get(f"/v1/videos/{video['id']}/content", params={"index": index})
    check_refusal(answer, 404, "video_not_found", "index", str(index))


def test_ids_of_one_kind_open_nothing_of_another(gateway: Running, video: dict[str, Any]) -> None:
    for path in ("/v1/files/{}", "/v1/videos/characters/{}", "/v1/models/{}"):
        assert gateway.http.get(path.format(video["id"])).status_code == 404
    answer = gateway.http.post("/v1/videos", json={"prompt": "x", "input_reference": {"file_id": video["id"]}})
    check_refusal(answer, 404, "file_not_found", "input_reference.file_id")
    answer = gateway.http.post("/v1/videos", json={"prompt": "x", "input_reference": {"id": video["id"]}})
    check_refusal(answer, 400, "invalid_image", "input_reference", "not a video")
    answer = gateway.http.post("/v1/videos", json={"prompt": "x", "characters": [{"id": video["id"]}]})
    check_refusal(answer, 404, "character_not_found", "characters")
