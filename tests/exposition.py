"""What a scrape of /metrics says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    import httpx
    from prometheus_client import Metric
    from prometheus_client.samples import Sample

    from tests.serving import Running


@dataclass(frozen=True)
class Scrape:
    """One reading."""

    text: str
    families: list[Metric]

    @property
    def samples(self) -> list[Sample]:
        """Every sample."""
        return [sample for family in self.families for sample in family.samples]

    def sum(self, name: str, **labels: str) -> float:
        """Add up the samples of this name that have these labels; 0 where there is none."""
        return sum(each.value for each in self.samples if each.name == name and labels.items() <= each.labels.items())

    def values(self, name: str, label: str) -> set[str]:
        """Return what a label of a metric says."""
        return {each.labels[label] for each in self.samples if each.name.startswith(name) and label in each.labels}


def scrape(http: httpx.Client, **headers: str) -> Scrape:
    """Read /metrics as Prometheus does."""
    answer = http.get("/metrics", headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return Scrape(answer.text, list(text_string_to_metric_families(answer.text)))


def scrape_anew(gateway: Running) -> Scrape:
    """Read them with a census of this very moment."""
    gateway.app.state.gateway.gauges._last = None  # noqa: SLF001 - instead of five seconds of waiting
    return scrape(gateway.http)
