"""What a provider is sent for an output: the order, with its inputs where the provider can reach them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING

from app.domain.catalogue import Mode
from app.domain.sizing import ParameterWarning
from app.providers.base import Order, TakesCallbacks
from app.services.attempts import offer_of

if TYPE_CHECKING:
    from app.domain.jobs import Job
    from app.providers.base import Input, Provider
    from app.services.context import Context


async def complete_order(context: Context, job: Job, provider: Provider, submission: str) -> Order:
    """Put the job's inputs in reach and build what the provider is sent. Raises MediaError, ProviderError."""
    inputs = await place_files(context, job, provider)
    return replace(
        order_without_inputs(context, job, provider, submission),
        images=tuple(found for found in inputs if found.kind == "image"),
        video=next((found for found in inputs if found.kind == "video"), None),
    )


async def place_files(context: Context, job: Job, provider: Provider) -> list[Input]:
    """Make the output's folder and put the job's inputs in reach. Raises MediaError, ProviderError."""
    folder = context.folder(job)
    folder.mkdir(parents=True, exist_ok=True)
    return await context.inputs.materialise(job.order["inputs"], folder, provider)


def order_without_inputs(context: Context, job: Job, provider: Provider, submission: str) -> Order:
    """Build what the provider is sent, save for its inputs."""
    wanted, offer = job.order, offer_of(job)
    extra, user = wanted["extra"], wanted["user"]
    calls_back = context.callback_base is not None and isinstance(provider, TakesCallbacks)
    return Order(
        submission_id=submission,
        output_id=job.id,
        model=offer.model,
        mode=Mode(str(wanted["mode"])),
        endpoint=offer.endpoint,
        prompt=str(wanted["prompt"]),
        ratio=offer.ratio,
        resolution=offer.resolution,
        seconds=offer.seconds,
        seed=_seed(job),
        images=(),
        video=None,
        extra=extra if isinstance(extra, dict) else {},
        wire=offer.wire,
        user=user if isinstance(user, str) else None,
        callback_url=f"{context.callback_base}/{job.provider}/{submission}" if calls_back else None,
    )


def notes(order: Order) -> list[ParameterWarning]:
    """Say what may not work about the inputs as they were sent."""
    inputs = [*order.images, *([order.video] if order.video else [])]
    return [
        ParameterWarning("input_reference", "converted", item.kind, "data URI", item.note)
        for item in inputs
        if item.note
    ]


def _seed(job: Job) -> int:
    """Derive the output's seed from what was asked and its index: the same request gives the same clips."""
    asked = {name: value for name, value in job.order.items() if name not in ("inputs", "offers")}
    text = json.dumps([asked, job.index], sort_keys=True, ensure_ascii=True)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1
