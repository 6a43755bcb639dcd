"""Choose the scene a prompt asks for."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from app.providers.local.palette import words_of
from app.providers.local.scene_city import City
from app.providers.local.scene_flow import Flow
from app.providers.local.scene_hills import Hills
from app.providers.local.scene_night import Night
from app.providers.local.scene_sea import Sea

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.providers.local.stage import Scene, Stage

_SCENES: dict[str, Callable[[Stage], Scene]] = {"hills": Hills, "sea": Sea, "night": Night, "city": City, "flow": Flow}
_WORDS = {
    "hills": "hill hills mountain mountains valley forest tree trees field meadow fox deer horse bear dog cat fog mist "
    "misty sunset sunrise desert canyon alpine landscape nature bird birds balloon",
    "sea": "sea ocean wave waves beach coast boat ship sail sailing harbour harbor island surf surfer whale dolphin "
    "fish lighthouse bay tide shore pirate swim",
    "night": "night star stars starry aurora northern galaxy space moon moonlight lake astronaut planet comet midnight "
    "winter snow arctic polar camp campfire milky",
    "city": "city skyline street neon car cars tokyo york london paris building buildings tower urban robot cyberpunk "
    "drone taxi traffic bridge downtown skyscraper metropolis office",
    "flow": "abstract gradient flow fluid liquid silk colors colours pattern shape shapes paint ink smoke dream logo "
    "music energy wallpaper",
}
_SCENE_OF = {word: scene for scene, words in _WORDS.items() for word in words.split()}


def scene_for(prompt: str, stage: Stage) -> Scene:
    """Build the scene most of the prompt's words speak of, or else one drawn by the seed."""
    drawn = str(stage.rng.choice(sorted(_SCENES)))
    named = Counter(_SCENE_OF[word] for word in words_of(prompt) if word in _SCENE_OF).most_common(1)
    return _SCENES[named[0][0] if named else drawn](stage)
