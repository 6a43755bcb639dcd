"""Real renders, small ones: what the clips are, and that they show what they should."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from PIL import Image

from app import children
from app.child import ChildError
from app.providers.local.render import render
from app.providers.local.spec import Mode, RenderSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from app.domain.plain import Json

WIDTH, HEIGHT = 320, 180
MIDDLE = slice(HEIGHT // 4, HEIGHT // 2)  # neither title nor mark stands here
BOTTOM = slice(HEIGHT * 3 // 4, HEIGHT)  # nor here, over a video
MODES: tuple[Mode, ...] = ("text-to-video", "image-to-video", "reference-to-video", "edit", "extend")


def shot(spec: RenderSpec) -> Path:
    """Render `spec` in this process and return the clip."""
    render(spec.to_json(), lambda _message: None)
    return Path(spec.target)


def pictures(clip: Path) -> list[NDArray[np.float32]]:
    """Return every frame as RGB (0..255)."""
    with av.open(str(clip)) as container:
        return [frame.to_ndarray(format="rgb24").astype(np.float32) for frame in container.decode(video=0)]


def samples(clip: Path) -> NDArray[np.float32]:
    with av.open(str(clip)) as container:
        return np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)


def apart(one: NDArray[np.float32], other: NDArray[np.float32], rows: slice = BOTTOM) -> float:
    """Return the mean difference (levels) in some rows."""
    return float(np.abs(one[rows] - other[rows]).mean())


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with `photo.png` and `source.mp4`: two halves in loud colours, 12 frames a second, with sound."""
    folder = tmp_path_factory.mktemp("media")
    photo = Image.new("RGB", (300, 200), (220, 30, 30))
    photo.paste((30, 60, 220), (150, 0, 300, 200))
    photo.save(folder / "photo.png")
    with av.open(str(folder / "source.mp4"), "w") as container:
        video = container.add_stream("libx264", rate=12)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        audio = container.add_stream("aac", rate=44_100, layout="mono")
        still = av.VideoFrame.from_ndarray(np.asarray(photo.resize((WIDTH, HEIGHT))), format="rgb24")
        for index in range(12):
            still.pts = index
            container.mux(video.encode(still))
        container.mux(video.encode(None))
        tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(44_100) / 44_100)
        heard = av.AudioFrame.from_ndarray(tone[None, :].astype(np.float32), format="fltp", layout="mono")
        heard.sample_rate = 44_100
        container.mux(audio.encode(heard))
        container.mux(audio.encode(None))
    return folder


@pytest.fixture
def spec(media: Path, tmp_path: Path) -> RenderSpec:
    return RenderSpec(
        mode="text-to-video",
        prompt="Misty hills",
        seed=7,
        label="grok-imagine-video",
        width=WIDTH,
        height=HEIGHT,
        seconds=1.0,
        target=str(tmp_path / "clip.mp4"),
        images=(str(media / "photo.png"),),
        video=str(media / "source.mp4"),
    )


def test_a_six_second_clip_has_145_frames(spec: RenderSpec) -> None:
    assert len(pictures(shot(replace(spec, seconds=6.0)))) == 145


@pytest.mark.parametrize(
    ("mode", "frames"),
    [*((mode, 25) for mode in MODES[:3]), ("edit", 24), ("extend", 24 + 24)],
    ids=str,
)
def test_every_mode_gives_h264_and_aac_of_the_exact_size_and_length(spec: RenderSpec, mode: Mode, frames: int) -> None:
    clip = shot(replace(spec, mode=mode))
    with av.open(str(clip)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, video.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (video.codec_context.width, video.codec_context.height) == (WIDTH, HEIGHT)
        assert (video.codec_context.colorspace, video.codec_context.color_range) == (1, 1)
        assert video.average_rate == Fraction(24)
        assert video.frames == frames
        assert (audio.codec_context.name, audio.codec_context.rate, audio.codec_context.channels) == ("aac", 48_000, 2)
        assert video.duration is not None
        assert audio.duration is not None
        assert video.time_base is not None
        assert audio.time_base is not None
        assert float(video.duration * video.time_base) == pytest.approx(frames / 24)
        assert float(audio.duration * audio.time_base) == pytest.approx(frames / 24, abs=1024 / 48_000)
    assert len(pictures(clip)) == frames


@pytest.mark.parametrize("size", [(480, 854), (320, 320), (640, 360)], ids=str)
def test_any_shape_of_frame_is_kept_exactly(spec: RenderSpec, size: tuple[int, int]) -> None:
    clip = shot(replace(spec, width=size[0], height=size[1], seconds=0.1))
    assert pictures(clip)[0].shape == (size[1], size[0], 3)


@pytest.mark.parametrize("mode", MODES)
def test_the_same_order_gives_the_same_bytes(spec: RenderSpec, mode: Mode, tmp_path: Path) -> None:
    order = replace(spec, mode=mode, seconds=0.3)
    again = replace(order, target=str(tmp_path / "again.mp4"))
    assert shot(order).read_bytes() == shot(again).read_bytes()


def test_another_seed_gives_another_picture(spec: RenderSpec) -> None:
    order = replace(spec, seconds=0.1, seed=2**64 - 1)
    one = pictures(shot(order))[0]
    assert apart(one, pictures(shot(replace(order, seed=0)))[0], MIDDLE) > 2


@pytest.mark.parametrize("prompt", ["hills", "the sea", "a starry night", "city lights", "abstract shapes"])
def test_every_scene_moves(spec: RenderSpec, prompt: str) -> None:
    frames = pictures(shot(replace(spec, prompt=prompt)))
    assert np.abs(frames[0] - frames[-1]).mean() > 0.5


def test_colour_words_choose_the_colours(spec: RenderSpec) -> None:
    teal, red = (pictures(shot(replace(spec, prompt=f"{word} hills", seconds=0.1)))[0] for word in ("teal", "red"))
    assert red[..., 0].mean() > red[..., 1].mean()
    assert teal[..., 1].mean() > teal[..., 0].mean()


def test_an_image_is_what_its_clip_shows(spec: RenderSpec) -> None:
    for frame in pictures(shot(replace(spec, mode="image-to-video")))[::12]:
        left, right = frame[HEIGHT // 3, WIDTH // 4], frame[HEIGHT // 3, WIDTH * 7 // 8]
        assert left == pytest.approx((220, 30, 30), abs=12)
        assert right == pytest.approx((30, 60, 220), abs=12)


@pytest.mark.parametrize("count", [1, 2, 14])
def test_up_to_fourteen_references_are_shown(spec: RenderSpec, count: int) -> None:
    order = replace(spec, mode="reference-to-video", images=spec.images * count, seconds=0.1)
    middle = pictures(shot(order))[0][HEIGHT // 8 : HEIGHT * 3 // 4]
    assert ((middle[..., 0] > 180) & (middle[..., 2] < 80)).mean() > 0.03
    assert ((middle[..., 2] > 180) & (middle[..., 0] < 80)).mean() > 0.03


def test_an_edit_keeps_the_sound_and_changes_the_picture(spec: RenderSpec) -> None:
    clip = shot(replace(spec, mode="edit", prompt="Make it black and white"))
    source = Path(spec.video or "")
    edited = pictures(clip)[12]
    assert apart(edited, pictures(source)[6]) > 20
    assert np.ptp(edited[BOTTOM], axis=2).max() < 12
    heard = np.abs(np.fft.rfft(samples(clip)[0, 8192 : 8192 + 24_000]))
    assert int(heard.argmax()) * 2 == pytest.approx(440, abs=4)


def test_an_extension_starts_as_its_source_and_goes_on_from_there(spec: RenderSpec) -> None:
    frames = pictures(shot(replace(spec, mode="extend")))
    source = pictures(Path(spec.video or ""))
    assert apart(frames[0], source[0]) < 6
    assert apart(frames[23], source[-1]) < 6
    assert apart(frames[24], frames[23]) < 6
    assert apart(frames[-1], source[-1]) > 20


def test_progress_rises_and_ends_below_a_hundred(spec: RenderSpec) -> None:
    told: list[Json] = []
    result = render(replace(spec, width=640, height=360).to_json(), lambda message: told.append(message["progress"]))
    assert result == {"frames": 25}
    numbers = [number for number in told if isinstance(number, int)]
    assert numbers[0] == 0
    assert len(numbers) == len(told) > 1
    assert numbers == sorted(set(numbers))
    assert numbers[-1] <= 99


def test_the_result_has_its_name_only_when_it_is_complete(spec: RenderSpec) -> None:
    target = Path(spec.target)
    seen: list[bool] = []
    render(replace(spec, width=640, height=360).to_json(), lambda _message: seen.append(target.exists()))
    assert not any(seen)
    assert [path.name for path in target.parent.iterdir()] == ["clip.mp4"]


def test_two_processes_that_render_the_same_output_at_once_do_not_disturb_each_other(
    spec: RenderSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.providers.local.render._BETWEEN_MESSAGES", 0.0)  # however fast this machine is
    alone = shot(replace(spec, target=str(tmp_path / "alone.mp4"))).read_bytes()
    other: list[bytes] = []

    def begun(message: dict[str, Json]) -> None:
        if message["progress"] and not other:
            other.append(shot(spec).read_bytes())

    render(spec.to_json(), begun)
    assert [*other, Path(spec.target).read_bytes()] == [alone, alone]
    assert {path.name for path in tmp_path.iterdir()} == {"alone.mp4", "clip.mp4"}


def test_a_clip_can_be_played_while_it_loads(spec: RenderSpec) -> None:
    clip = shot(replace(spec, seconds=0.2)).read_bytes()
    assert 0 < clip.index(b"moov") < clip.index(b"mdat")


@pytest.mark.parametrize(
    "prompt",
    ["", "🎬🚢", "夕日と海", "שלום עולם", "é" * 300, "word " * 6400, "x" * 32_000, "a\x00b\n\tc\ud800", "\u202e\u200b"],
    ids=ascii,
)
def test_no_prompt_is_too_odd(spec: RenderSpec, prompt: str) -> None:
    assert shot(replace(spec, prompt=prompt, seconds=0.05)).exists()


@pytest.mark.parametrize("mode", MODES[1:])
def test_an_unreadable_source_is_refused(spec: RenderSpec, mode: Mode, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"not a picture and not a video")
    order = replace(spec, mode=mode, images=(str(broken),), video=str(broken))
    with pytest.raises(ChildError, match="cannot be read") as refused:
        shot(order)
    assert refused.value.code == "invalid_input"
    assert not Path(spec.target).exists()


def test_a_source_that_breaks_off_leaves_nothing_behind(spec: RenderSpec, tmp_path: Path) -> None:
    whole = shot(replace(spec, seconds=3.0)).read_bytes()
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(whole[: len(whole) // 2])
    order = replace(spec, mode="edit", video=str(broken), target=str(tmp_path / "edited.mp4"))
    with pytest.raises(ChildError, match="cannot be read"):
        shot(order)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.mp4", "clip.mp4"]


def test_a_playlist_is_not_a_source(spec: RenderSpec, tmp_path: Path) -> None:
    playlist = tmp_path / "list.m3u8"
    playlist.write_text(f"#EXTM3U\n#EXTINF:1,\n{spec.video}\n#EXT-X-ENDLIST\n")
    with pytest.raises(ChildError, match="cannot be read"):
        shot(replace(spec, mode="edit", video=str(playlist)))


@pytest.mark.parametrize("mode", MODES[1:])
def test_a_mode_without_its_source_is_refused(spec: RenderSpec, mode: Mode) -> None:
    with pytest.raises(ChildError, match="needs") as refused:
        shot(replace(spec, mode=mode, images=(), video=None))
    assert refused.value.code == "invalid_input"


@pytest.mark.parametrize("picture", ["L", "P", "RGBA", "CMYK", "I;16", "1", "LA"])
def test_pictures_of_any_kind_are_read(spec: RenderSpec, picture: str, tmp_path: Path) -> None:
    name = tmp_path / ("picture.tiff" if picture == "CMYK" else "picture.png")
    Image.new(picture, (33, 21)).save(name)
    assert shot(replace(spec, mode="image-to-video", images=(str(name),), seconds=0.05)).exists()


def test_a_picture_taken_sideways_is_turned_upright(spec: RenderSpec, media: Path, tmp_path: Path) -> None:
    turned = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down: what is stored left belongs right
    Image.open(media / "photo.png").save(turned, exif=exif)
    frame = pictures(shot(replace(spec, mode="image-to-video", images=(str(turned),), seconds=0.05)))[0]
    assert frame[HEIGHT // 2, WIDTH // 4, 2] > 150
    assert frame[HEIGHT // 2, WIDTH * 3 // 4, 0] > 150


async def test_the_child_process_renders_and_answers(spec: RenderSpec) -> None:
    told: list[dict[str, Json]] = []
    order = replace(spec, seconds=0.2)
    result = await children.run("app.providers.local.render", order.to_json(), timeout=90, on_message=told.append)
    assert result == {"frames": 6}
    assert told[0] == {"progress": 0}
    assert RenderSpec.from_json(json.loads(json.dumps(order.to_json()))) == order


def test_the_order_is_written_without_loading_a_codec() -> None:
    code = "import sys, app.providers.local.spec; sys.exit(any(m in sys.modules for m in ('av', 'numpy', 'PIL')))"
    subprocess.run([sys.executable, "-c", code], check=True)
