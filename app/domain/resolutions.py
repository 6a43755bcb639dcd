"""What an operator may say of a submission whose fate nobody knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Outcome: TypeAlias = Literal["accepted", "charged", "not_charged"]


@dataclass(frozen=True, slots=True)
class Resolution:
    """What became of it.

    accepted        the provider has it under `upstream_id`, and the job runs on
    charged         it is lost, and `cost` (micro-dollars) was paid for it
    not_charged     the provider never took it, or took no money
    """

    outcome: Outcome
    upstream_id: str | None = None
    cost: int | None = None
