"""/v1/videos through a real server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.api import schemas

if TYPE_CHECKING:
    from tests.serving import Running


def test_a_video_is_made_from_one_request(gateway: Running) -> None:
    video = gateway.finished(prompt="a lighthouse at dusk")
    shown = schemas.VideoObject.model_validate(video, strict=True)
    assert shown.output is not None
    assert (shown.size, shown.seconds, shown.progress) == ("854x480", "1", 100)
    content = gateway.http.get(shown.output.url)
    assert content.status_code == 200
    assert len(content.content) == shown.output.size_bytes
