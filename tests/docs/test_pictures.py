"""The pictures of the guide show what the code does: each is drawn again here, and what can be compared is."""

from __future__ import annotations

import inspect
import io
import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from PIL import Image

from app.domain.jobs import LIVE, State
from tests.docs import dashboard_pictures
from tests.docs.pictures import DRAWN, IMAGES
from tests.docs.states_picture import arrows, transitions

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", DRAWN)
def test_the_picture_is_what_the_code_does_now(name: str) -> None:
    drawn = DRAWN[name]()
    ET.fromstring(drawn)  # noqa: S314 - it is our own
    assert (IMAGES / name).read_text(encoding="utf-8") == drawn, "run `make pictures` and look at the difference"


def test_the_dashboard_can_be_photographed_as_it_stands_in_the_guide(tmp_path: Path) -> None:
    assert {path.name for path in IMAGES.glob("dashboard-*")} == set(dashboard_pictures.PICTURES)
    try:
        taken = dict(dashboard_pictures.draw(tmp_path))
    except LookupError as error:
        pytest.skip(str(error))
    for name, photograph in taken.items():
        with Image.open(io.BytesIO(photograph)) as now, Image.open(IMAGES / name) as shown:
            assert (now.format, now.size) == (shown.format, shown.size), f"{name}: run `make pictures` and look at it"


def test_every_function_of_the_state_machine_says_truly_where_it_moves_to() -> None:
    targets = {name: target for (_, target), names in arrows().items() for name in names}
    for name, function in transitions():
        (target,) = re.findall(r"Transition\(.*State\.([A-Z]+)\)", inspect.getsource(function))
        assert targets[name.replace("_", " ")] is State[target]


def test_every_state_but_a_completed_one_can_be_left_and_every_live_one_can_fail() -> None:
    sources = {source for source, _ in arrows()}
    assert sources == set(State) - {State.COMPLETED}
    assert {source for source, target in arrows() if target is State.FAILED} == LIVE
