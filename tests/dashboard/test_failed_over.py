"""A failure that another provider made up for, in a real browser: Health and the video's timeline tell it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.dashboard.visits import ADMIN_KEY
from tests.failover.system import System
from tests.upstreams.behaviour import Rule, fail

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from tests.dashboard.visits import Visit

FAILURE = fail(500, {"detail": "Runner died", "error_type": "runner_server_error"}, error_type="runner_server_error")
BEGUN = ("Submitted", "Accepted, running")


def test_health_and_the_timeline_tell_of_a_failure_that_another_provider_made_up_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, open_page: Callable[..., Visit]
) -> None:
    with ExitStack() as stack:
        system = System(tmp_path, stack, monkeypatch)
        system.start(admin_key=ADMIN_KEY).http.headers["authorization"] = f"Bearer {ADMIN_KEY}"
        system.misbehave("fal", Rule(on="job", do=FAILURE))
        repaired = system.create()
        assert system.wait(repaired)["metadata"]["provider"] == "aimlapi"
        system.wait(system.create())
        visit = open_page(system.gateway)
        visit.sign_in(place="#/health")
        page = visit.page
        fal = page.locator(".provider[data-provider=fal]")
        expect(fal).to_contain_text("50 % of the outputs succeeded")
        expect(fal).to_contain_text("1 completed, 0 failed, 1 failed over")
        expect(page.locator(".provider[data-provider=aimlapi]")).to_contain_text("1 completed, 0 failed")
        page.goto(f"/#/videos/{repaired}")
        steps = page.locator(".timeline li")
        expect(steps.locator("strong")).to_have_text(
            ["Queued", *BEGUN, "Failed, to be made elsewhere", *BEGUN, "Stored"]
        )
        expect(steps.nth(3)).to_contain_text("fal")
