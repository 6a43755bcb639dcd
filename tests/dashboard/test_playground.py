"""The playground in a real browser, against a real gateway that renders real clips."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import FilePayload, expect

from tests.api.creating import PICTURE
from tests.api.holders import make
from tests.dashboard.visits import ADMIN_KEY, plays
from tests.serving import environment_without

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.dashboard.visits import Visit
    from tests.serving import Running

TIMES = "\N{MULTIPLICATION SIGN}"
IMAGE = FilePayload(name="corners.png", mimeType="image/png", buffer=PICTURE)


@pytest.fixture
def playground(open_page: Callable[..., Visit]) -> Visit:
    """Give a visit that is signed in."""
    visit = open_page()
    visit.sign_in()
    return visit


def newest(gateway: Running) -> dict[str, Any]:
    video: dict[str, Any] = gateway.http.get("/v1/videos?limit=1").json()["data"][0]
    return video


def test_a_wrong_key_is_refused_and_a_right_one_stays_out_of_reach_of_scripts(open_page: Callable[..., Visit]) -> None:
    visit = open_page()
    page = visit.page
    page.goto("/")
    visit.refusals = 1
    page.get_by_label("API key").fill("not a key")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("not valid")
    expect(page.get_by_role("navigation")).to_be_hidden()
    visit.sign_in()
    assert page.evaluate("document.cookie") == ""
    kept = page.evaluate("JSON.stringify([{ ...localStorage }, { ...sessionStorage }])")
    assert ADMIN_KEY not in kept + page.content()
    page.reload()
    expect(page.get_by_role("heading", name="Playground")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("API key")).to_be_visible()
    page.reload()
    expect(page.get_by_label("API key")).to_be_visible()


def test_words_become_a_clip_that_plays_and_is_among_the_videos(playground: Visit, guarded: Running) -> None:
    page = playground.page
    playground.describe("a red kite over a harbour <b>&amp;</b>")
    playground.choose("Shape", "9:16")
    expect(page.get_by_label("Price and warnings")).to_contain_text(f"480 {TIMES} 854 · 1 s")
    page.get_by_label("Exact size").fill("1920x1080")
    page.get_by_label("Exact size").blur()
    expect(page.get_by_label("Price and warnings")).to_contain_text("size 1920x1080 is not offered by this model")
    playground.choose("Shape", "9:16")
    playground.choose("Resolution", "480p")
    page.get_by_label("How many").fill("2")
    page.get_by_label("How many").blur()
    expect(page.get_by_label("Price and warnings")).to_contain_text(f"2 videos · 480 {TIMES} 854 · 1 s")
    result = playground.make()
    expect(result.locator("progress, video")).to_have_count(2)
    expect(result.get_by_text("Completed")).to_be_visible(timeout=60_000)
    assert [plays(video) for video in result.locator("video").all()] == [True, True]
    video = newest(guarded)
    assert (video["size"], video["seconds"], video["n"], video["warnings"]) == ("480x854", "1", 2, [])
    assert video["prompt"] == "a red kite over a harbour <b>&amp;</b>"
    page.get_by_role("link", name="Videos").click()
    page.get_by_role("list", name="Videos").get_by_role("link", name=video["prompt"]).first.click()
    expect(page.get_by_role("listitem").filter(has_text="Stored")).to_have_count(2)


def test_pictures_are_uploaded_once_and_move(playground: Visit, guarded: Running) -> None:
    page = playground.page
    playground.describe("slowly closer", mode="Image")
    expect(page.get_by_label("Price and warnings")).to_contain_text("Add an image.")
    page.locator("#input-file").set_input_files([IMAGE])
    page.locator(".inputs").get_by_text("corners.png").wait_for()
    playground.wait_for_price()
    result = playground.make()
    expect(result.locator("video")).to_be_visible(timeout=60_000)
    timeline = guarded.http.get(f"/v1/videos/{newest(guarded)['id']}/timeline").json()
    assert timeline["mode"] == "image-to-video"
    playground.choose("Mode", "References")
    page.locator("#input-file").set_input_files([FilePayload(name="second.png", mimeType="image/png", buffer=PICTURE)])
    page.locator(".inputs").get_by_text("second.png").wait_for()
    result = playground.make()
    expect(result.locator("video")).to_be_visible(timeout=60_000)
    timeline = guarded.http.get(f"/v1/videos/{newest(guarded)['id']}/timeline").json()
    assert timeline["mode"] == "reference-to-video"


def test_a_dropped_picture_is_taken_and_a_dropped_text_is_not(playground: Visit) -> None:
    page = playground.page
    playground.choose("Mode", "Image")
    drop = """async ([name, type, bytes]) => {
      const data = new DataTransfer();
      data.items.add(new File([new Uint8Array(bytes)], name, { type }));
      const dropped = new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
      document.querySelector(".drop").dispatchEvent(dropped);
    }"""
    page.evaluate(drop, ["notes.txt", "text/plain", [104, 105]])
    expect(page.get_by_text("Only 1 image can be taken here.")).to_be_visible()
    page.evaluate(drop, ["dropped.png", "image/png", list(PICTURE)])
    expect(page.locator(".inputs").get_by_text("dropped.png")).to_be_visible()
    page.get_by_role("button", name="Remove dropped.png").click()
    expect(page.locator(".inputs").get_by_text("dropped.png")).to_have_count(0)


@pytest.mark.parametrize(("name", "mode"), [("Remix", "edit"), ("Edit", "edit"), ("Extend", "extend")])
def test_one_goes_on_from_a_finished_clip(playground: Visit, guarded: Running, name: str, mode: str) -> None:
    source = guarded.finished(prompt=f"before {name}", seconds=3)
    page = playground.page
    page.goto(f"/#/videos/{source['id']}")
    page.get_by_role("link", name=name, exact=True).click()
    expect(page.locator(".inputs")).to_contain_text(f"before {name}")
    page.get_by_label("Prompt").fill(f"after {name}")
    result = playground.make()
    expect(result.locator("video")).to_be_visible(timeout=60_000)
    made = newest(guarded)
    assert made["prompt"] == f"after {name}"
    assert made["remixed_from_video_id"] == (source["id"] if name == "Remix" else None)
    assert guarded.http.get(f"/v1/videos/{made['id']}/timeline").json()["mode"] == mode


def test_the_pickers_show_what_the_model_takes_and_nothing_else(playground: Visit, guarded: Running) -> None:
    page = playground.page
    for model in guarded.http.get("/v1/models").json()["data"]:
        page.get_by_label("Model").select_option(model["id"])
        expect(page.locator("#model-about")).to_have_text(model["description"])
        modes = {mode["mode"]: mode for mode in model["modes"] if mode["mode"] in model["capabilities"]}
        assert len(playground.choices("Mode")) == (len(modes) if len(modes) > 1 else 0)
        playground.choose("Mode", "Text")
        spec = modes["text-to-video"]
        for group, values in (("Shape", spec["aspect_ratios"]), ("Resolution", spec["resolutions"])):
            assert playground.choices(group) == (["Auto", *values] if values else [])
        seconds = page.get_by_label("Seconds")
        offered = spec["seconds"]
        if offered["values"]:
            assert seconds.locator("option").all_inner_texts() == [f"{value} s" for value in offered["values"]]
        else:
            assert [seconds.get_attribute(name) for name in ("min", "max")] == [str(offered[n]) for n in ("min", "max")]


@pytest.mark.parametrize(("language", "program"), [("curl", "bash"), ("Python", sys.executable), ("Node", "node")])
def test_the_request_as_a_program_does_the_same(
    playground: Visit, guarded: Running, tmp_path: Path, language: str, program: str
) -> None:
    sdk = tmp_path.joinpath(__file__).parent.parent / "sdk/node/node_modules"
    if program == "node" and not (shutil.which("node") and sdk.is_dir()):
        pytest.skip("openai-node is not installed; `make sdks` fetches it")
    prompt = f'it\'s "{language}" for $HOME ✓'
    playground.describe(prompt)
    playground.choose("Shape", "1:1")
    playground.page.get_by_role("tab", name=language).click()
    text = playground.page.get_by_role("tabpanel").inner_text()
    assert ADMIN_KEY not in text
    script = tmp_path / ("program.mjs" if program == "node" else "program")
    script.write_text(text.replace("YOUR_API_KEY", ADMIN_KEY))
    if program == "node":
        (tmp_path / "node_modules").symlink_to(sdk)
    subprocess.run(
        [program, script], cwd=tmp_path, env=environment_without("OPENAI"), check=True, capture_output=True, timeout=90
    )
    video = newest(guarded)
    assert (video["prompt"], video["size"], video["seconds"]) == (prompt, "480x480", "1")
    assert video["warnings"] == []
    if language != "curl":
        assert (tmp_path / "video.mp4").read_bytes()[4:8] == b"ftyp"


def test_a_refusal_is_shown_and_nothing_is_lost(playground: Visit, guarded: Running) -> None:
    page = playground.page
    page.get_by_role("button", name="Make video").click()
    expect(page.get_by_text("Write a prompt.")).to_be_visible()
    expect(page.get_by_label("Prompt")).to_be_focused()
    before = newest(guarded)["id"] if guarded.http.get("/v1/videos").json()["data"] else None
    playground.describe("too wide")
    page.get_by_label("Exact size").fill("9999x100")
    page.get_by_label("Exact size").blur()
    page.get_by_label("Strict").check()
    expect(page.get_by_label("Price and warnings").locator(".error")).to_contain_text("size")
    playground.complaints.clear()  # the browser writes refused dry runs to its console
    page.get_by_role("button", name="Make video").click()
    expect(page.get_by_role("alert").filter(has_text="size")).to_be_visible()
    assert page.get_by_label("Prompt").input_value() == "too wide"
    assert (newest(guarded)["id"] if before else None) == before
    playground.complaints.clear()


def test_a_key_that_may_only_read_makes_nothing(open_page: Callable[..., Visit], guarded: Running) -> None:
    visit = open_page()
    visit.sign_in(make(guarded.http, role="reader")["key"], "#/videos")
    expect(visit.page.get_by_text("No videos yet")).to_be_visible()
    visit.page.get_by_role("link", name="Playground", exact=True).click()
    expect(visit.page.get_by_role("button", name="Make video")).to_be_disabled()
    visit.complaints = [each for each in visit.complaints if "403" not in each]
