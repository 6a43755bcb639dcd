"""Submissions of unknown fate in a real browser: what is known of them, and what an operator says became of them."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.api.test_submissions import LOST, UNLISTED, listed, lose, lost_at, show
from tests.dashboard.looks import faults, looks
from tests.failover.system import System
from tests.upstreams.behaviour import Rule, answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Locator

    from tests.dashboard.visits import Visit


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    """Three fakes and a gateway that gives an unknown submission up at its first look."""
    with ExitStack() as stack:
        made = System(tmp_path, stack, monkeypatch)
        made.settings["settle_seconds"] = 0
        yield made


@pytest.fixture
def flagged(system: System) -> dict[str, Any]:
    """Lose the answer to one paid order at xAI."""
    return lost_at(system, "xai")


@pytest.fixture
def room(system: System, flagged: dict[str, Any], open_page: Callable[..., Visit]) -> Visit:
    """Look at it; this gateway asks for no key."""
    visit = open_page(system.gateway)
    visit.page.goto("/#/submissions")
    expect(visit.page.locator(f"[data-submission={flagged['id']}]")).to_be_visible()
    return visit


def ask(visit: Visit, way: str) -> Locator:
    """Choose what one found, and return the dialog."""
    visit.page.get_by_role("button", name="Say what became of it").click()
    dialog = visit.page.get_by_role("dialog", name="What became of it?")
    dialog.get_by_role("radio", name=way).check()
    return dialog


def sure(visit: Visit, question: str, answer: str = "Say so") -> None:
    asked = visit.page.get_by_role("dialog", name=question)
    expect(asked).to_contain_text("the first word stands")
    asked.get_by_role("button", name=answer).click()


def test_it_says_what_was_ordered_where_when_for_how_much_and_where_it_was_looked_for(
    room: Visit, flagged: dict[str, Any]
) -> None:
    card = room.page.locator("[data-submission]")
    for text in (f"{flagged['model']} at xAI", "Unknown", "a calm sea", "$0.05", "no list of jobs", flagged["id"]):
        expect(card).to_contain_text(text)


def test_a_charge_is_booked_once_it_was_confirmed(room: Visit, system: System, flagged: dict[str, Any]) -> None:
    dialog = ask(room, "Only the charge is there")
    expect(dialog.get_by_label("What was charged")).to_have_value("0.05")
    dialog.get_by_label("What was charged").fill("0.30")
    dialog.get_by_role("button", name="Go on").click()
    sure(room, "Book $0.30 as lost?", "Look again")
    assert show(system, flagged["id"])["status"] == "unknown"
    dialog.get_by_role("button", name="Go on").click()
    sure(room, "Book $0.30 as lost?")
    card = room.page.locator("[data-submission]")
    expect(card).to_contain_text("Lost, and charged")
    expect(card).to_be_focused()
    expect(card.get_by_role("button")).to_have_count(0)
    found = show(system, flagged["id"])
    assert (found["phase"], found["cost"]) == ("charged", 0.3)
    room.page.reload()
    expect(room.page.get_by_text("Nothing is unknown")).to_be_visible()
    room.page.get_by_label("Show", exact=True).select_option("all")
    expect(card).to_contain_text("Lost, and charged")


def test_a_job_that_was_found_is_taken_over(room: Visit, system: System, flagged: dict[str, Any]) -> None:
    dialog = ask(room, "The job is there")
    dialog.get_by_label("Its id at xAI").fill("no-such-job")
    dialog.get_by_role("button", name="Go on").click()
    sure(room, "Take over the job no-such-job?")
    expect(dialog.locator("[data-param=upstream_id] .error")).to_be_visible()
    assert show(system, flagged["id"])["status"] == "unknown"
    dialog.get_by_label("Its id at xAI").fill(system.only_paid("xai").request_id)
    dialog.get_by_role("button", name="Go on").click()
    sure(room, "Take over the job")
    expect(room.page.locator("[data-submission]")).to_contain_text("The provider took it")
    assert system.wait(flagged["video_id"])["status"] == "completed"
    room.complaints = [each for each in room.complaints if "status of" not in each]


def test_what_became_of_one_is_said_of_the_others_of_its_video_at_once(
    system: System, open_page: Callable[..., Visit]
) -> None:
    system.start(providers=("xai",))
    system.misbehave("xai", Rule(on="submit", do=LOST, times=None), UNLISTED)
    video_id = system.create(n=3)
    system.outlast(video_id)
    system.until(lambda: len(listed(system)) == 3)
    lose(system)
    visit = open_page(system.gateway)
    visit.page.goto("/#/submissions")
    cards = visit.page.locator("[data-submission]")
    expect(cards).to_have_count(4)
    for index in range(3):
        expect(cards.filter(has_text=f"{video_id}[{index}]")).to_have_count(1)
    visit.page.locator("li", has_text=f"{video_id}[1]").get_by_role("button").click()
    dialog = visit.page.get_by_role("dialog", name="What became of it?")
    same = dialog.get_by_label("The same for the other 2 of this video")
    expect(same).to_be_hidden()
    dialog.get_by_role("radio", name="The job is there").check()
    expect(same).to_be_hidden()
    dialog.get_by_role("radio", name="Only the charge is there").check()
    same.check()
    dialog.get_by_role("button", name="Go on").click()
    sure(visit, "Book $0.05 as lost for each of 3?")
    expect(cards.filter(has_text="Lost, and charged")).to_have_count(3)
    expect(cards.get_by_role("button")).to_have_count(1)
    assert sorted((each["video_id"] == video_id, each["phase"]) for each in listed(system, status="all")) == [
        (False, "submitting"),
        *[(True, "charged")] * 3,
    ]


def test_an_output_has_the_same_index_everywhere_as_in_the_api(system: System, open_page: Callable[..., Visit]) -> None:
    system.start(providers=("xai",))
    system.misbehave("xai", Rule(on="submit", do=answer(400), times=None))
    video_id = system.create(n=2)
    system.outlast(video_id)
    page = open_page(system.gateway).page
    page.goto(f"/#/videos/{video_id}")
    for index in range(2):
        expect(page.locator(".output").nth(index)).to_contain_text(f"Output [{index}]: ")
        expect(page.locator(".timeline li", has_text=f"output [{index}]").first).to_be_visible()
        expect(page.locator(".attempts dd", has_text=f"[{index}]")).to_have_count(1)


def test_neither_job_nor_charge_costs_nothing(room: Visit, system: System, flagged: dict[str, Any]) -> None:
    dialog = ask(room, "Neither is there")
    dialog.get_by_role("button", name="Go on").click()
    sure(room, "Book nothing?")
    expect(room.page.locator("[data-submission]")).to_contain_text("Lost, and not charged")
    assert show(system, flagged["id"])["phase"] == "not_charged"


@pytest.mark.parametrize(
    ("way", "label", "value", "field"),
    [
        ("The job is there", "Its id at xAI", "", "upstream_id"),
        ("Only the charge is there", "What was charged", "a lot", "cost_usd"),
        ("Only the charge is there", "What was charged", "", "cost_usd"),
    ],
)
def test_what_is_refused_is_said_next_to_its_field(
    room: Visit, system: System, flagged: dict[str, Any], way: str, label: str, value: str, field: str
) -> None:
    dialog = ask(room, way)
    dialog.get_by_label(label).fill(value)
    dialog.get_by_role("button", name="Go on").click()
    expect(dialog.locator(f"[data-param={field}] .error")).to_contain_text(field)
    expect(dialog.get_by_label(label)).to_be_focused()
    assert show(system, flagged["id"])["status"] == "unknown"
    room.forgive(400)


def test_nothing_is_said_for_whom_nothing_was_chosen(room: Visit) -> None:
    room.page.get_by_role("button", name="Say what became of it").click()
    dialog = room.page.get_by_role("dialog")
    dialog.get_by_role("button", name="Go on").click()
    expect(dialog.locator("[data-param=outcome] .error")).to_contain_text("outcome")
    room.forgive(400)


def test_each_provider_is_looked_through_in_its_own_way(system: System, open_page: Callable[..., Visit]) -> None:
    lost_at(system, "aimlapi")
    visit = open_page(system.gateway)
    visit.page.goto("/#/submissions")
    expect(visit.page.locator("[data-submission]")).to_contain_text("in the usage logs, by the id of this submission")


@looks
def test_the_submissions_and_their_questions_look_right(
    system: System, open_page: Callable[..., Visit], options: dict[str, Any]
) -> None:
    lost_at(system, "xai")
    visit = open_page(system.gateway, **options)
    visit.page.goto("/#/submissions")
    visit.page.get_by_text("What was tried for this output").click()
    found = {"room": faults(visit)}
    dialog = ask(visit, "Only the charge is there")
    found["resolve"] = faults(visit)
    dialog.get_by_role("button", name="Go on").click()
    expect(visit.page.get_by_role("dialog", name="Book")).to_be_visible()
    found["sure"] = faults(visit)
    assert {place: each for place, each in found.items() if each} == {}
