"""A client that looks at every video all the time, and must never be shown what is not so any more."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from app.api.present import video_object
from app.domain.errors import GatewayError
from app.services.link_secrets import Ring, Secret
from app.services.links import Links
from app.services.snapshots import Answer, Snapshots, Viewer
from tests.services.bench import OWNER

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.services.videos import Videos
    from tests.services.bench import Bench

_VIEWER = Viewer(OWNER, "https://gateway.example")


def _no_time() -> float:
    return 0.0


@dataclass
class Onlooker:
    """Has an answer about each video, from before what just happened; no answer grows old by itself."""

    bench: Bench
    snapshots: Snapshots = field(init=False)

    def __post_init__(self) -> None:
        self.snapshots = Snapshots(self.bench.database, _no_time)

    async def check(self, video_ids: Iterable[str]) -> None:
        """Compare what is answered with what is so."""
        for video_id in video_ids:
            known = self.snapshots.videos.find(video_id, _VIEWER)
            try:
                fresh = await self._look(video_id)
            except GatewayError:
                assert known is None, "a deleted video is shown"
                continue
            if known is not None:
                assert json.loads(known.body) == json.loads(fresh.body), "an old state is shown"
            else:
                await self.snapshots.videos.read(video_id, _VIEWER, partial(self._look, video_id))

    async def _look(self, video_id: str) -> Answer:
        videos: Videos = self.bench.videos
        shown = video_object(
            await videos.get(OWNER, video_id), _VIEWER.base_url, Links(Ring((Secret(b"links"),)), _no_time), {}
        )
        return Answer(json.dumps(shown).encode(), (), math.inf)
