"""What the playground writes under "This request", run as it stands, in every mode and with the installed SDKs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import FilePayload, expect

from tests.api.creating import PICTURE
from tests.dashboard.visits import ADMIN_KEY
from tests.serving import environment_without

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.dashboard.visits import Visit
    from tests.serving import Running

ROOT = Path(__file__).parent.parent.parent
OLD_SDK = ROOT / ".sdk/openai-2.54.0"
NODE_SDK = ROOT / "tests/sdk/node/node_modules"
MODES = {
    "Text": "text-to-video",
    "Image": "image-to-video",
    "References": "reference-to-video",
    "Remix": "edit",
    "Edit": "edit",
    "Extend": "extend",
}
PATIENCE = 240  # seconds, for a machine that has much else to do
RUNS = {
    "curl": ("curl", "bash"),
    "python": ("Python", sys.executable),
    "python-2.54.0": ("Python", sys.executable),
    "node": ("Node", "node"),
}

pytestmark = pytest.mark.timeout(PATIENCE + 60)


def fill_in(page: Page, mode: str, source: str) -> None:
    """Open the playground in a mode, with everything that it starts from."""
    if MODES[mode] in ("edit", "extend"):
        page.goto(f"/#/playground?from={source}&as={mode.lower()}")
        expect(page.locator(".inputs")).to_contain_text("to go on from")
    else:
        page.goto(f"/#/playground?for={mode}")
        page.get_by_role("group", name="Mode").get_by_role("radio", name=mode, exact=True).check()
    if mode in ("Image", "References"):
        page.locator("#input-file").set_input_files([FilePayload(name="a.png", mimeType="image/png", buffer=PICTURE)])
        page.locator(".inputs").get_by_text("a.png").wait_for()
    if MODES[mode] not in ("edit", "extend"):
        page.get_by_role("group", name="Resolution").get_by_role("radio", name="480p", exact=True).check()
        page.get_by_label("Seconds").fill("1")
    page.get_by_label("Prompt").fill(f'it\'s {mode} for "$HOME" ✓')
    page.get_by_label("Strict").check()


@pytest.mark.parametrize("run", RUNS)
def test_every_modes_request_runs_as_a_program(
    open_page: Callable[..., Visit], guarded: Running, tmp_path: Path, run: str
) -> None:
    language, program = RUNS[run]
    environment = environment_without("OPENAI")
    if run == "python-2.54.0":
        if not OLD_SDK.is_dir():
            pytest.skip("openai 2.54.0 is not installed; `make sdks` fetches it")
        environment["PYTHONPATH"] = str(OLD_SDK)
    if run == "node" and not (shutil.which("node") and NODE_SDK.is_dir()):
        pytest.skip("openai-node is not installed; `make sdks` fetches it")
    source = guarded.finished(prompt="to go on from", seconds=2, resolution="480p")["id"]
    visit = open_page()
    visit.sign_in()
    visit.page.get_by_role("tab", name=language).wait_for()
    running = {}
    for mode in MODES:
        fill_in(visit.page, mode, source)
        visit.page.get_by_role("tab", name=language).click()
        text = visit.page.get_by_role("tabpanel").inner_text().replace("YOUR_API_KEY", ADMIN_KEY)
        folder = tmp_path / mode
        folder.mkdir()
        (folder / "program.mjs").write_text(text)
        if run == "node":
            (folder / "node_modules").symlink_to(NODE_SDK)
        running[mode] = subprocess.Popen(
            [program, "program.mjs"], cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
    for mode, process in running.items():
        said = process.communicate(timeout=PATIENCE)[1].decode()
        assert process.returncode == 0, f"{mode}:\n{said}"
        if run != "curl":
            assert (tmp_path / mode / "video.mp4").read_bytes()[4:8] == b"ftyp"
    for mode, made_as in MODES.items():
        prompt = f'it\'s {mode} for "$HOME" ✓'
        video = next(each for each in guarded.http.get("/v1/videos").json()["data"] if each["prompt"] == prompt)
        assert guarded.http.get(f"/v1/videos/{video['id']}/timeline").json()["mode"] == made_as
        assert video["remixed_from_video_id"] == (source if mode == "Remix" else None)
