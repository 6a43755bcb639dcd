"""`reelgate generate`, against an embedded gateway and a running one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
from PIL import Image

from app.config import Settings
from app.startup import lock
from tests.cli.processes import served

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.cli.conftest import Run
    from tests.serving import Running

SHORT = ("--seconds", "1", "--resolution", "480p")


def frames(path: Path) -> tuple[int, int, int]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return sum(1 for _ in container.decode(stream)), stream.width, stream.height


def test_a_prompt_becomes_a_file_without_any_gateway_running(run: Run, tmp_path: Path) -> None:
    result = run("generate", "a boat", "-o", "boat.mp4", "--size", "9:16", *SHORT)
    assert result.exit_code == 0, result.output
    assert frames(tmp_path / "boat.mp4") == (25, 480, 854)
    assert "saved boat.mp4 (480x854, 1.04 s" in result.output


def test_the_file_is_named_after_the_prompt(run: Run, tmp_path: Path, gateway: Running) -> None:
    result = run("generate", "A Boat, on a River!", "--base-url", gateway.url, *SHORT)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "a-boat-on-a-river.mp4").exists()


def test_several_outputs_become_numbered_files_that_differ(run: Run, tmp_path: Path, gateway: Running) -> None:
    result = run("generate", "a boat", "-n", "2", "-o", "boat.mp4", "--base-url", f"{gateway.url}/v1", *SHORT)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "boat-0.mp4").read_bytes() != (tmp_path / "boat-1.mp4").read_bytes()


def test_an_image_is_animated_and_a_video_changed_and_extended(run: Run, tmp_path: Path, gateway: Running) -> None:
    Image.new("RGB", (320, 320), "red").save(tmp_path / "red.png")
    at = ("--base-url", gateway.url)
    assert run("generate", "move", "--image", "red.png", "-o", "moved.mp4", *at, "--seconds", "2").exit_code == 0
    assert run("generate", "colder", "--video", "moved.mp4", "-o", "edited.mp4", *at).exit_code == 0
    extend = run("generate", "on", "--video", "moved.mp4", "--extend", "--seconds", "2", "-o", "longer.mp4", *at)
    assert extend.exit_code == 0, extend.output
    assert frames(tmp_path / "edited.mp4")[0] == 49
    assert frames(tmp_path / "longer.mp4")[0] == 97


def test_what_is_converted_is_said(run: Run, gateway: Running) -> None:
    result = run("generate", "a boat", "--size", "1024x1024", "--seconds", "1", "--base-url", gateway.url)
    assert "note: size 1024x1024 is not offered by this model; used 720x720." in result.output


def test_a_refusal_is_shown_in_the_gateways_words(run: Run, gateway: Running) -> None:
    result = run("generate", "a boat", "--size", "big", "--base-url", gateway.url)
    assert result.exit_code == 1
    assert "Invalid size 'big': use \"WIDTHxHEIGHT\"" in result.output


def test_a_gateway_on_another_port_is_found_by_its_data_folder(run: Run, tmp_path: Path) -> None:
    with served(tmp_path):
        result = run("generate", "a boat", "-o", "boat.mp4", *SHORT)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "boat.mp4").exists()


def test_a_busy_data_folder_whose_holder_gives_no_address_asks_for_it(run: Run) -> None:
    with lock(Settings()):
        result = run("generate", "a boat")
    assert result.exit_code == 1
    assert "Another gateway is using the data folder" in result.output
    assert "--base-url" in result.output


def test_extending_needs_a_video(run: Run) -> None:
    result = run("generate", "a boat", "--extend")
    assert (result.exit_code, "--extend needs --video" in result.output) == (1, True)


def test_an_address_that_is_no_gateway_is_named(run: Run, unused_port: int) -> None:
    result = run("generate", "a boat", "--base-url", f"http://127.0.0.1:{unused_port}")
    assert result.exit_code == 3
    assert f"cannot reach http://127.0.0.1:{unused_port}" in result.output


def test_a_wrong_setting_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELGATE_PORT", "eighty")
    result = run("generate", "a boat")
    assert (result.exit_code, "REELGATE_PORT" in result.output) == (1, True)
