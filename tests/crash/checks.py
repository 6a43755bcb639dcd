"""The invariants of a run, judged by the provider's ledger and the public API (docs/reliability.md explains each)."""

from __future__ import annotations

import asyncio
import bisect
import itertools
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from tests.crash.clients import persist
from tests.crash.system import SECRETS
from tests.crash.upstream import FILM
from tests.upstreams.films import film

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.crash.clients import Wanted, Watcher
    from tests.crash.system import System

_AT_ONCE = 4
_GRACE_SECONDS = 10.0
_MARK = b"free"  # the MP4 box in which the fake writes the id of the request that made a film


@dataclass
class Verdict:
    """What was counted, and every breach with the invariant's name."""

    counts: dict[str, Any] = field(default_factory=dict)
    breaches: list[str] = field(default_factory=list)


async def judge(
    system: System, http: httpx.AsyncClient, accepted: dict[str, Wanted], watcher: Watcher, unsure: int
) -> Verdict:
    """Check a run that has drained. `unsure` is how many submits could not be known: in flight at a kill, or cut."""
    verdict = Verdict()
    videos = {video["id"]: video for video in await watcher.look()}
    seen = await system.seen()
    made = await _read_media(http, videos, verdict)
    _outputs(accepted, videos, verdict)
    _money(accepted, videos, seen["paid"], made, verdict)
    flagged = verdict.counts["outputs flagged submission_unknown"]
    if flagged > unsure:
        verdict.breaches.append(f"I3: {flagged} flagged, but only {unsure} submits were in flight when something broke")
    verdict.breaches += [f"I5: {complaint}" for complaint in watcher.complaints]
    verdict.counts["states seen by a watching client"] = watcher.looks
    await _leases(system, verdict)
    _leftovers(system, videos, verdict)
    _logs(system, seen["leaks"], verdict)
    return verdict


def _outputs(accepted: dict[str, Wanted], videos: dict[str, Any], verdict: Verdict) -> None:
    """I1: what was accepted is there, and has ended."""
    ends: Counter[str] = Counter()
    for video_id, wanted in accepted.items():
        video = videos.get(video_id)
        if video is None or len(video["outputs"]) != wanted.n:
            verdict.breaches.append(f"I1: {video_id} was accepted and is lost")
            continue
        for output in video["outputs"]:
            how = output["error"]["code"] if output["status"] == "failed" else output["status"]
            ends[how] += 1
            if output["status"] not in ("completed", "failed"):
                verdict.breaches.append(f"I1: {video_id}/{output['index']} is still {output['status']}")
    for video_id in videos.keys() - accepted.keys():
        verdict.breaches.append(f"I1: {video_id} was made and nobody was told")
    unknown, completed = ends.pop("submission_unknown", 0), ends.pop("completed", 0)
    verdict.breaches += [f"I1: {count} outputs ended as {how}" for how, count in ends.items()]
    verdict.counts |= {
        "videos accepted": len(accepted),
        "outputs wanted": sum(wanted.n for wanted in accepted.values()),
        "outputs completed": completed,
        "outputs flagged submission_unknown": unknown,
    }


def _money(
    accepted: dict[str, Wanted],
    videos: dict[str, Any],
    paid: Sequence[Any],
    made: dict[str, list[str]],
    verdict: Verdict,
) -> None:
    """I2: at most one paid submit per output; I3: each is adopted or its output is flagged."""
    by_prompt: dict[str, list[str]] = defaultdict(list)
    for request_id, prompt, _at, _outcome in paid:
        by_prompt[prompt].append(request_id)
    twice = orphans = 0
    for video_id, wanted in accepted.items():
        ours = by_prompt.pop(wanted.prompt, [])
        outputs = videos.get(video_id, {"outputs": []})["outputs"]
        flags = sum((output["error"] or {}).get("code") == "submission_unknown" for output in outputs)
        adopted = made.get(video_id, [])
        twice += max(0, len(ours) - wanted.n)
        unadopted = len(set(ours) - set(adopted))
        orphans += max(0, unadopted - flags)
        if len(set(adopted)) != len(adopted) or set(adopted) - set(ours):
            verdict.breaches.append(f"I7: the outputs of {video_id} are not its own: {adopted}, paid {ours}")
        if len(ours) > wanted.n or unadopted > flags:
            verdict.breaches.append(f"I2/I3: {video_id}: n {wanted.n}, paid {ours}, adopted {adopted}, flagged {flags}")
    verdict.breaches += [f"I2: paid for {prompt!r}, which nobody wanted" for prompt in by_prompt]
    verdict.counts |= {
        "paid submits (provider's ledger)": len(paid),
        "outputs paid twice": twice,
        "paid submits neither adopted nor flagged": orphans,
    }


async def _read_media(http: httpx.AsyncClient, videos: dict[str, Any], verdict: Verdict) -> dict[str, list[str]]:
    """I7: read every finished output; returns, per video, the provider's requests that its bytes come from."""
    made: dict[str, list[str]] = defaultdict(list)
    finished = iter(
        [(v["id"], o["index"]) for v in videos.values() for o in v["outputs"] if o["status"] == "completed"]
    )
    plain = film(*FILM)

    async def read() -> None:
        for video_id, index in finished:
            answer = await persist(http, "GET", f"/v1/videos/{video_id}/content", params={"index": index})
            request_id = answer.content[len(plain) + 8 :].decode("ascii", "replace")
            if answer.status_code != httpx.codes.OK or answer.content != film(*FILM, mark=request_id):
                verdict.breaches.append(f"I7: the bytes of {video_id}/{index} are not what was delivered")
            made[video_id].append(request_id)

    await asyncio.gather(*(read() for _ in range(_AT_ONCE)))
    verdict.counts["media files read and compared"] = sum(map(len, made.values()))
    return made


async def _leases(system: System, verdict: Verdict) -> None:
    """I8: when all is done, no lease is left over."""
    query = "SELECT count(*) FROM outputs WHERE lease_owner IS NOT NULL AND lease_until < :moment"
    held = (await system.rows(query, moment=time.time() - _GRACE_SECONDS))[0][0]
    verdict.counts["leases that ran out and were left"] = held
    if held:
        verdict.breaches.append(f"I8: {held} leases have run out and nobody took their rows over")


def _leftovers(system: System, videos: dict[str, Any], verdict: Verdict) -> None:
    """I7: one film with its pictures per finished output, no scratch space, nothing half-written."""
    data = system.folder / "data"
    wanted = sum(output["status"] == "completed" for video in videos.values() for output in video["outputs"])
    videos_stored = data / "media" / "videos"
    files, pictures = (sum(1 for _ in videos_stored.rglob(kind)) for kind in ("*.mp4", "*.webp"))
    scratch = sum(1 for place in data.glob("scratch*") for _ in place.iterdir())
    verdict.counts["media files stored / scratch folders left"] = f"{files} / {scratch}"
    if files != wanted or pictures != wanted:
        verdict.breaches.append(f"I7: {files} films and {pictures} thumbnails are stored for {wanted} outputs")
    if scratch:
        verdict.breaches.append(f"I7: {scratch} scratch folders are left")


def _logs(system: System, leaks: list[str], verdict: Verdict) -> None:
    """I10: no planted secret is in a log, and the provider saw no key where none belongs."""
    lines = found = 0
    with system.log.open(encoding="utf-8", errors="replace") as log:
        for line in log:
            lines += 1
            found += any(secret in line for secret in SECRETS)
    verdict.counts["log lines / with a planted secret"] = f"{lines} / {found}"
    if found or leaks:
        verdict.breaches.append(f"I10: {found} log lines hold a secret, {len(leaks)} keys went astray")


def resumption(kills: Sequence[float], paid: Sequence[Any], polls: Sequence[Any]) -> list[float]:
    """Return, for each kill and each output in flight at it, the seconds until it was polled next, sorted.

    In flight is what was polled before the kill and again after it, by whichever replica.
    """
    times: dict[str, list[float]] = defaultdict(list)
    for moment, request_id in polls:
        times[request_id].append(moment)
    began = {request_id: at for request_id, _prompt, at, _outcome in paid}
    waits = []
    for request_id, asked in times.items():
        first = bisect.bisect_left(kills, began.get(request_id, asked[0]))
        for kill in itertools.islice(kills, first, None):
            if kill >= asked[-1]:
                break
            waits.append(asked[bisect.bisect_right(asked, kill)] - kill)
    return sorted(waits)
