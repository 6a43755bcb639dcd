"""Models that the catalogue does not know are asked in the caller's own words; images keep their shape everywhere."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

if TYPE_CHECKING:
    from tests.failover.system import System

pytestmark = pytest.mark.thorough

ONE, TWO = "https://93.184.216.34/0.png", "https://93.184.216.34/1.png"
PORTRAIT = io.BytesIO()
Image.new("RGB", (360, 640), (9, 90, 200)).save(PORTRAIT, "PNG")
DATA = f"data:image/png;base64,{base64.b64encode(PORTRAIT.getvalue()).decode()}"


def left(system: System, provider: str, model: str, **fields: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Order a video, follow it to its end, and return it with the body that left for it."""
    answered = system.gateway.http.post("/v1/videos", json={"prompt": "a <IMAGE_0> @Image2", "model": model, **fields})
    assert answered.status_code == 200, answered.text
    video = system.wait(answered.json()["id"])
    return video, system.fakes[provider].ledger.bodies()[-1]


VERBATIM = [
    ({"duration": "8s"}, {"duration": "8s"}, "8"),
    ({"duration": 8}, {"duration": 8}, "8"),
    ({"duration": 6.5}, {"duration": 6.5}, None),
    ({"duration": "auto", "aspect_ratio": "auto"}, {"duration": "auto", "aspect_ratio": "auto"}, None),
    ({"seconds": "8s"}, {"duration": "8s"}, "8"),
    ({"resolution": "768P", "aspect_ratio": "adaptive"}, {"resolution": "768P", "aspect_ratio": "adaptive"}, None),
    ({"size": "1280x720"}, {"aspect_ratio": "16:9", "resolution": "720p"}, None),
    ({"size": "1280x720", "resolution": "4k"}, {"resolution": "4k"}, None),
    ({"seconds": "4", "duration": "8s"}, {"duration": "8s"}, "8"),
    ({"reference_image_urls": [ONE, TWO]}, {"reference_image_urls": [ONE, TWO]}, None),
    ({"reference_images": [ONE, TWO]}, {"reference_images": [ONE, TWO]}, None),
    ({"input_reference": [ONE, TWO]}, {"image_urls": [ONE, TWO]}, None),
    ({"image_url": ONE, "end_image_url": TWO}, {"image_url": ONE, "end_image_url": TWO}, None),
    ({"input_reference": ONE}, {"image_url": ONE}, None),
]


@pytest.mark.parametrize(("asked", "sent", "shown"), VERBATIM, ids=[str(asked) for asked, _, _ in VERBATIM])
def test_an_unknown_model_gets_the_callers_own_names_and_values(
    system: System, asked: dict[str, Any], sent: dict[str, Any], shown: str | None
) -> None:
    video, body = left(system, "fal", "fal/fal-ai/anything", **asked)
    assert body == {"prompt": "a <IMAGE_0> @Image2", **sent}
    assert video["status"] == "completed"
    assert float(video["seconds"]) > 0
    if shown:
        assert video["seconds"] == shown


@pytest.mark.parametrize("model", ["grok-imagine-video", "grok-imagine-video-1.5", "openai-sora-2", "veo-3.1"])
def test_a_portrait_stays_one_at_aimlapi(system: System, model: str) -> None:
    system.start(providers=("aimlapi",))
    video, body = left(system, "aimlapi", model, image_url=DATA)
    assert body["aspect_ratio"] == "9:16"
    width, height = map(int, video["size"].split("x"))
    assert width * 16 == height * 9
    assert "emulated" not in {each["code"] for each in video["warnings"]}


def test_an_image_that_only_aimlapi_can_see_is_made_16_9_and_that_is_said(system: System) -> None:
    system.start(providers=("aimlapi",))
    video, body = left(system, "aimlapi", "grok-imagine-video", image_url=ONE)
    assert body["aspect_ratio"] == "16:9"
    assert ("aspect_ratio", "emulated") in {(each["param"], each["code"]) for each in video["warnings"]}
