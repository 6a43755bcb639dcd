"""Links to the inputs of a job: what providers that fetch them are given, for as long as the job lives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.api.creating import PICTURE
from tests.receiver import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.serving import Running


def test_an_input_is_served_by_link_as_safely_as_a_result_until_its_job_ends(
    start_gateway: Callable[..., Running],
) -> None:
    gateway = start_gateway()
    file = gateway.http.post("/v1/files", files={"file": ("a.png", PICTURE)}).json()["id"]
    with gateway.idle():
        _check_an_input(gateway, gateway.create(input_reference={"file_id": file})["id"])


def _check_an_input(gateway: Running, video_id: str) -> None:
    path = f"/v1/inputs/{video_id}/0?{gateway.app.state.gateway.links.input_query(video_id, 0)}"
    found = gateway.http.get(path)
    assert (found.status_code, found.content) == (200, PICTURE)
    told = {name: found.headers[name] for name in ("content-type", "content-disposition")}
    assert told == {"content-type": "image/png", "content-disposition": 'inline; filename="input-0"'}
    assert (found.headers["x-content-type-options"], found.headers["content-security-policy"]) == ("nosniff", "sandbox")
    assert gateway.http.get(path.replace("/0?", "/1?")).status_code == 401
    gateway.http.post(f"/v1/videos/{video_id}/cancel").raise_for_status()
    wait_until(lambda: gateway.http.get(path).status_code == 404, "the input is still there")
