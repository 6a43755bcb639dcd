"""A client that retries: many sends of one request, to every replica, through kills, make one video."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
from openai import AsyncOpenAI

from tests.crash.clients import Wanted, persist
from tests.crash.scenarios import finish, session
from tests.crash.system import ADMIN_KEY

if TYPE_CHECKING:
    from tests.crash.checks import Verdict
    from tests.crash.scenarios import Run
    from tests.crash.system import System

_KILL_WITHIN = 0.4  # s after the sends began


async def one_key(system: System, at_once: int, rounds: int) -> Verdict:
    """Send a request `at_once` times with one Idempotency-Key, in `rounds` rounds; then break the SDK's connection."""
    async with session(system, 0) as run:
        several = 0
        for number in range(rounds):
            ids = await _round(run, number, at_once)
            several += len(ids) != 1
            run.tell(number + 1, rounds, "rounds")
        run.counts |= {
            "rounds": rounds,
            "sends with one Idempotency-Key, each round": at_once,
            "rounds that made more than one video": several,
        }
        await _sdk(run)
        return await finish(run)


async def _round(run: Run, number: int, at_once: int) -> set[str]:
    prompt = f"round {number} of seed {run.system.plan.seed}."
    wanted = {"prompt": prompt, "seconds": 1, "resolution": "480p"}
    headers = {"idempotency-key": f"round-{number}"}
    sends = [persist(run.http, "POST", "/v1/videos", json=wanted, headers=headers) for _ in range(at_once)]
    answers, _ = await asyncio.gather(asyncio.gather(*sends), _kill(run))
    refused = [answer.text for answer in answers if answer.status_code != httpx.codes.OK]
    run.breaches += [f"round {number}: {len(refused)} sends were refused: {refused[0]}"] if refused else []
    ids = {str(answer.json()["id"]) for answer in answers if answer.is_success}
    if len(ids) != 1:
        run.breaches.append(f"round {number} made {len(ids)} videos")
    run.creators.accepted |= {video_id: Wanted(prompt, 1) for video_id in ids}
    return ids


async def _kill(run: Run) -> None:
    await asyncio.sleep(run.chance.uniform(0, _KILL_WITHIN))
    replica = run.chance.choice(run.system.replicas)
    run.events.append(await replica.kill())
    await run.note_submits()
    await replica.start()


async def _sdk(run: Run) -> None:
    """Lose the openai SDK's answer after the video was made: with and without a key of its own."""
    door = run.system.door
    extra: dict[str, Any] = {"resolution": "480p"}
    async with AsyncOpenAI(api_key=ADMIN_KEY, base_url=f"{door.url}/v1", max_retries=3) as openai:
        for name, headers in (("without a key", {}), ("with a key", {"idempotency-key": "of the SDK"})):
            prompt = f"the SDK {name}, seed {run.system.plan.seed}."
            door.planned = ["drop"]
            video = await openai.videos.create(prompt=prompt, seconds="4", extra_body=extra, extra_headers=headers)
            run.creators.accepted[video.id] = Wanted(prompt, 1)
            run.counts[f"openai SDK {name}, answer lost after commit"] = "1 create, 1 video"
            assert not door.planned, "the answer was not cut"
