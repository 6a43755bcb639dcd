"""The tally: outputs that have ended, or failed at one provider and gone to the next, by who had them and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.domain.jobs import FAILURES, State
from app.metrics import FAILOVERS, OTHER, OUTPUTS_ENDED

if TYPE_CHECKING:
    from app.domain.catalogue import Catalogue

_OUTCOMES = frozenset({State.COMPLETED, *FAILURES})


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts ends. `models` are the providers' names of what is in the catalogue: any other name is a caller's text."""

    models: frozenset[str] = frozenset()

    @classmethod
    def of(cls, catalogue: Catalogue) -> Tally:
        """Know the models of a catalogue."""
        offered = (offering for model in catalogue.models.values() for offering in model.offerings.values())
        return cls(frozenset(offering.model for offering in offered))

    def name(self, model: object) -> str:
        """Return what a model is called in metrics."""
        return model if isinstance(model, str) and model in self.models else OTHER

    def ended(self, provider: str, model: object, outcome: object, outputs: int = 1) -> None:
        """Count outputs that ended in the same way: completed, or with one of FAILURES."""
        told = str(outcome) if outcome in _OUTCOMES else OTHER
        OUTPUTS_ENDED.labels(provider, self.name(model), told).inc(outputs)

    def failed_over(self, provider: str, model: object, code: str) -> None:
        """Count an output that the provider had taken and failed at, with one of FAILURES, before the next is tried."""
        FAILOVERS.labels(provider, self.name(model), code if code in _OUTCOMES else OTHER).inc()
