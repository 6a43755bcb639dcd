"""What users do with openai-python, against the gateway in OPENAI_BASE_URL. Run by test_sdks.py, one SDK per process.

Prints {"version", "passed": [names], "failed": {name: traceback}}. Answers are held to the SDK's own strict types.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import json
import sys
import tempfile
import traceback
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

# 3.x warns on every call that OpenAI's own service has ended; users of a gateway silence just that.
warnings.filterwarnings("ignore", "The Sora API is scheduled to permanently shut down", DeprecationWarning)

import openai  # noqa: E402 - the filter comes first
from openai import AsyncOpenAI, OpenAI  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

    from openai.types import Video

PICTURE = Path(sys.argv[1])
CLOSED_LISTS = openai.__version__ == "2.2.0"  # its types know only sora-2 and 4, 8 or 12 seconds
STRICT: dict[str, Any] = {"_strict_response_validation": not CLOSED_LISTS, "max_retries": 0}
MANY, FEW = 105, 20  # more than the longest page has; less
SMALL = {"resolution": "480p", "seconds": 1}
LITERAL: dict[str, Any] = {"size": "1280x720", "extra_body": {"seconds": 1}}  # a size that the SDK's types know
LONG: dict[str, Any] = {**LITERAL, "extra_body": {"seconds": 15}}  # and that is not drawn before it is cancelled
OMIT: Any = getattr(openai, "omit", None)

client = OpenAI(**STRICT)
tolerant = OpenAI(max_retries=0)  # for other sizes than OpenAI's four


def data_uri() -> str:
    return "data:image/png;base64," + base64.b64encode(PICTURE.read_bytes()).decode()


def finish(video: Video) -> Video:
    video = tolerant.videos.poll(video.id, poll_interval_ms=100)
    assert video.status == "completed", video
    assert (video.progress, video.error) == (100, None)
    return video


def refused(kind: type[openai.APIStatusError], code: str, call: Callable[[], object]) -> openai.APIStatusError:
    try:
        call()
    except kind as caught:
        error = caught
    else:
        raise AssertionError(f"no {kind.__name__}")
    assert error.code == code, error
    assert error.message
    assert error.type
    assert error.request_id, "errors carry x-request-id"
    return error


@functools.cache
def source() -> Video:
    """Return a small finished video of two seconds that the checks share."""
    return finish(tolerant.videos.create(prompt="a red boat", extra_body={**SMALL, "seconds": 2}))


@functools.cache
def clip() -> bytes:
    return client.videos.download_content(source().id).read()


def check_list_pages_through_everything() -> None:
    made = []
    for number in range(MANY if openai.__version__.startswith("3.") else FEW):
        video = client.videos.create(prompt=f"number {number}", **LONG)
        made.append(video.id)
        stopped = client.post(f"/videos/{video.id}/cancel", cast_to=type(video))
        assert (stopped.status, stopped.error and stopped.error.code) == ("failed", "cancelled")
    assert [video.id for video in client.videos.list(limit=len(made) // 4)] == made[::-1]
    assert [video.id for video in client.videos.list(limit=100, order="asc")] == made
    page = client.videos.list(limit=3, after=made[10])
    assert [video.id for video in page.data] == [made[9], made[8], made[7]]
    assert page.has_more
    assert page.last_id == made[7]
    assert [video.id for video in page.get_next_page().data] == [made[6], made[5], made[4]]


def check_create_and_poll() -> None:
    video = client.videos.create_and_poll(
        prompt="a lighthouse at dusk",
        model="sora-2",
        size="1280x720",
        poll_interval_ms=100,
        extra_body={"seconds": "1", "n": 2, "seed": 42, "metadata": {"shot": "7"}},
    )
    assert (video.status, video.progress, video.model, video.object) == ("completed", 100, "sora-2", "video")
    assert (video.size, video.seconds, video.prompt) == ("1280x720", "1", "a lighthouse at dusk")
    assert video.completed_at is not None
    assert video.completed_at >= video.created_at
    more: Any = video.model_extra
    assert more["n"] == len(more["outputs"]) == 2
    assert more["metadata"]["shot"] == "7"
    assert more["url"].startswith(str(client.base_url).partition("/v1")[0])
    assert client.videos.retrieve(video.id) == video


def check_poll_interval_comes_from_the_gateway() -> None:
    pending = client.videos.create(prompt="a river", **LONG)
    raw = client.videos.with_raw_response.retrieve(pending.id)
    assert int(raw.headers["openai-poll-after-ms"]) > 0
    client.videos.delete(pending.id)
    created = client.videos.create(prompt="a river", **LITERAL)
    assert client.videos.poll(created.id).status == "completed"


def check_files_in_every_form() -> None:
    with PICTURE.open("rb") as opened:
        forms: list[Any] = [PICTURE.read_bytes(), PICTURE, ("ünïcode.bin", PICTURE.read_bytes(), "text/plain"), opened]
        videos = [
            tolerant.videos.create(prompt="waves", input_reference=form, extra_body={**SMALL, "aspect_ratio": "1:1"})
            for form in forms
        ]
    assert [finish(video).size for video in videos] == ["480x480"] * len(forms)


def check_references_in_the_body() -> None:
    uploaded = client.files.create(file=PICTURE, purpose="vision")
    assert client.files.retrieve(uploaded.id).filename == PICTURE.name
    ways = [{"image_url": data_uri()}, {"file_id": uploaded.id}]
    videos = [
        tolerant.videos.create(prompt="waves", extra_body={**SMALL, "input_reference": way, "aspect_ratio": "1:1"})
        for way in ways
    ]
    as_json = tolerant.videos.create(
        prompt="waves",
        extra_headers={"Content-Type": "application/json"},
        extra_body={**SMALL, "input_reference": {"image_url": data_uri()}, "aspect_ratio": "1:1"},
    )
    assert [finish(video).size for video in (*videos, as_json)] == ["480x480"] * 3
    assert client.files.delete(uploaded.id).deleted
    refused(openai.NotFoundError, "file_not_found", lambda: client.files.retrieve(uploaded.id))


def check_content() -> None:
    video = source()
    whole = clip()
    assert whole[4:8] == b"ftyp"
    thumbnail = client.videos.download_content(video.id, variant="thumbnail").content
    assert (thumbnail[:4], thumbnail[8:12]) == (b"RIFF", b"WEBP")
    sheet = client.videos.download_content(video.id, variant="spritesheet")
    assert sheet.response.headers["content-type"] == "image/jpeg"
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "clip.mp4"
        client.videos.download_content(video.id, variant="video").write_to_file(target)
        assert target.read_bytes() == whole
        with client.videos.with_streaming_response.download_content(video.id) as answer:
            answer.stream_to_file(target)
        assert target.read_bytes() == whole
    with client.videos.with_streaming_response.download_content(video.id) as answer:
        assert b"".join(answer.iter_bytes(10_000)) == whole


def check_delete() -> None:
    video = client.videos.create(prompt="a door", **LITERAL)
    gone = client.videos.delete(video.id)
    assert (gone.id, gone.object, gone.deleted) == (video.id, "video.deleted", True)
    refused(openai.NotFoundError, "video_not_found", lambda: client.videos.retrieve(video.id))
    assert video.id not in [each.id for each in tolerant.videos.list(limit=100)]


def check_remix() -> None:
    before = finish(client.videos.create(prompt="a red boat", **LITERAL))
    remixed = client.videos.retrieve(finish(tolerant.videos.remix(before.id, prompt="make it night")).id)
    assert (remixed.status, remixed.remixed_from_video_id) == ("completed", before.id)
    assert (remixed.size, remixed.seconds) == ("1280x720", "1")


def check_edit_and_extend() -> None:
    by_id = {"video": OMIT, "extra_body": {"video": {"id": source().id}}}  # the SDK refuses {id} as `video` itself
    two: Any = "2"
    edits = [
        tolerant.videos.edit(prompt="make it night", video=clip()),
        tolerant.videos.edit(prompt="make it snow", **by_id),
    ]
    extended = [
        tolerant.videos.extend(prompt="it sails away", seconds=two, video=("clip.mp4", clip(), "video/mp4")),
        tolerant.videos.extend(prompt="it sails away", seconds=two, **by_id),
    ]
    assert [video.seconds for video in edits] == ["2", "2"]
    assert [video.seconds for video in extended] == ["4", "4"], "the stitched total"
    ended = [finish(video) for video in (*edits, *extended)]
    assert [f"{video.size} {video.seconds}" for video in ended] == [f"854x480 {length}" for length in "2244"]


def check_characters() -> None:
    character = client.videos.create_character(name="Fox", video=clip())
    assert client.videos.get_character(str(character.id)).to_dict() == character.to_dict()
    assert character.name == "Fox"
    video = tolerant.videos.create(prompt="Fox runs", extra_body={**SMALL, "characters": [{"id": character.id}]})
    assert [each["param"] for each in (video.model_extra or {})["warnings"]] == ["characters"]
    assert finish(video).seconds == "1"
    refused(openai.NotFoundError, "character_not_found", lambda: client.videos.get_character("char_123"))


def check_errors() -> None:
    error = refused(openai.BadRequestError, "missing_required_parameter", lambda: client.videos.create(prompt=""))
    assert error.param == "prompt"
    broken: Any = {"prompt": "x", "size": "huge"}
    error = refused(openai.BadRequestError, "invalid_value", lambda: client.videos.create(**broken))
    assert error.param == "size"
    assert "WIDTHxHEIGHT" in error.message
    error = refused(
        openai.BadRequestError, "invalid_image", lambda: client.videos.create(prompt="x", input_reference=b"no image")
    )
    assert error.param == "input_reference"
    error = refused(openai.NotFoundError, "video_not_found", lambda: client.videos.retrieve("video_123"))
    assert error.status_code == 404
    unknown: Any = "sora-3"
    error = refused(openai.NotFoundError, "model_not_found", lambda: client.videos.create(prompt="x", model=unknown))
    assert "sora-2" in error.message
    stranger = OpenAI(api_key="rg_nobody", max_retries=0)
    error = refused(openai.AuthenticationError, "invalid_api_key", stranger.videos.list)
    assert error.type == "authentication_error"
    pending = client.videos.create(prompt="x", **LONG)
    refused(openai.NotFoundError, "video_not_ready", lambda: client.videos.download_content(pending.id))
    client.videos.delete(pending.id)


def check_models() -> None:
    ids = [model.id for model in client.models.list()]
    assert "grok-imagine-video" in ids
    assert client.models.retrieve("sora-2").id == "grok-imagine-video"


def check_async_client() -> None:
    picture = PICTURE.read_bytes()

    async def run() -> None:
        async with AsyncOpenAI(**STRICT) as asynchronous:
            video = await asynchronous.videos.create_and_poll(
                prompt="a cloud", size="720x1280", input_reference=picture, extra_body={"seconds": 1}
            )
            assert (video.status, video.size) == ("completed", "720x1280")
            answer = await asynchronous.videos.download_content(video.id)
            assert (await answer.aread() if hasattr(answer, "aread") else answer.content)[4:8] == b"ftyp"
            page = await asynchronous.videos.list(limit=1)
            assert [each.id for each in page.data] == [video.id]

    asyncio.run(run())


def main() -> None:
    wanted = sys.argv[2:]
    passed: list[str] = []
    failed: dict[str, str] = {}
    for name in wanted:
        try:
            globals()[f"check_{name}"]()
        except Exception:  # noqa: BLE001 - the test shows what it was
            failed[name] = traceback.format_exc()
        else:
            passed.append(name)
    sys.stdout.write(json.dumps({"version": openai.__version__, "passed": passed, "failed": failed}))


if __name__ == "__main__":
    main()
