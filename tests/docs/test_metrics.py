"""The page on metrics, the alert rules and the dashboard name what there is; and what there is, is on the page."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml  # type: ignore[import-untyped]  # its types are a package of their own
from prometheus_client import Counter, Histogram

from app import metrics
from tests.docs.test_documented import table
from tests.exposition import scrape_anew

if TYPE_CHECKING:
    from tests.exposition import Scrape
    from tests.serving import Running

DOCS = Path(__file__).parent.parent.parent / "docs"
RULES = [
    rule
    for group in yaml.safe_load((DOCS / "prometheus" / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
DASHBOARD = json.loads((DOCS / "grafana" / "reelgate.json").read_text())
PAGE = table("docs/metrics.md", "What there is")
METRIC = re.compile(r"\b(?:reelgate|process)_[a-z_]+")
SELECTOR = re.compile(r"(\b(?:reelgate|process)_[a-z_]+)\{([^}]*)\}")
OF_THE_SERVER = {"job", "instance"}  # labels that Prometheus adds


@pytest.fixture(scope="module")
def scraped(gateway: Running) -> Scrape:
    gateway.finished()
    return scrape_anew(gateway)


def labels_of(scraped: Scrape) -> dict[str, set[str]]:
    """Return the labels of every metric, with a sample or without."""
    known: dict[str, set[str]] = defaultdict(set)
    for family in scraped.families:
        name = f"{family.name}_total" if family.type == "counter" else family.name
        known[name] |= {label for sample in family.samples for label in sample.labels} - {"le"}
    for each in vars(metrics).values():
        if isinstance(each, Counter | Histogram):
            name = each._name + ("_total" if isinstance(each, Counter) else "")  # noqa: SLF001 - nothing else tells
            known[name] |= set(each._labelnames)  # noqa: SLF001 - as above
    return known


def series() -> set[str]:
    """Return every name that an expression may use."""
    parts = {"histogram": ("_bucket", "_sum", "_count")}
    return {f"{name}{part}" for name, kind, *_ in PAGE for part in parts.get(kind, ("",))}


def expressions() -> dict[str, str]:
    """Return every PromQL expression by what it is for."""
    of_panels = {
        f"{panel['title']} {target['refId']}": target["expr"]
        for panel in DASHBOARD["panels"]
        for target in panel.get("targets", ())
    }
    return {**{rule["alert"]: rule["expr"] for rule in RULES}, **of_panels}


def test_every_metric_is_on_the_page_with_its_type_its_labels_and_whose_it_is(scraped: Scrape) -> None:
    told = {name: (kind, set(re.findall(r"\w+", labels)) - {"none"}, whose) for name, kind, labels, whose, *_ in PAGE}
    labels = labels_of(scraped)
    there = {}
    for family in scraped.families:
        name = f"{family.name}_total" if family.type == "counter" else family.name
        whose = "database" if family.documentation.startswith("In the database: ") else "process"
        there[name] = (family.type, labels[name], whose)
    assert told == there
    assert all(len(row) >= 5 for row in PAGE), "each says what it means"


@pytest.mark.parametrize("where", sorted(expressions()))
def test_an_expression_uses_only_metrics_and_labels_that_exist(where: str, scraped: Scrape) -> None:
    expression, labels = expressions()[where], labels_of(scraped)
    used = set(METRIC.findall(expression))
    assert used or expression == 'up{job="reelgate"} == 0'
    assert used <= series()
    for name, selector in SELECTOR.findall(expression):
        metric = name if name in labels else re.sub(r"_(bucket|sum|count)$", "", name)
        assert set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector)) <= labels[metric] | OF_THE_SERVER | {"le"}
    grouped = {each.strip() for found in re.findall(r"\bby \(([^)]*)\)", expression) for each in found.split(",")}
    metrics_labels = {
        label for name in used for label in labels[re.sub(r"_(bucket|sum|count)$", "", name)] | labels[name]
    }
    assert grouped <= metrics_labels | OF_THE_SERVER | {"le"}
    for opening, closing in ("()", "{}", "[]"):
        assert expression.count(opening) == expression.count(closing)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_a_rule_says_how_long_how_bad_and_what(rule: dict[str, Any]) -> None:
    assert re.fullmatch(r"\d+m", rule["for"])
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"]["summary"]


def test_the_rules_cover_what_an_operator_must_know() -> None:
    text = " ".join(str(rule) for rule in RULES).lower()
    needed = (
        "outputs_overdue_seconds",
        "lane_lag_seconds",
        "upstream_call",
        "breaker_open",
        "submissions_flagged",
        "webhook_overdue",
        "database_up",
        "budgets_nearly_spent",
        'status="5xx"',
        "outputs_ended",
    )
    assert [each for each in needed if each not in text] == []
    assert len({rule["alert"] for rule in RULES}) == len(RULES)


def test_the_dashboard_is_one_that_grafana_10_imports() -> None:
    panels = DASHBOARD["panels"]
    assert DASHBOARD["schemaVersion"] >= 36
    assert DASHBOARD["id"] is None
    assert len({panel["id"] for panel in panels}) == len(panels)
    variables = {each["name"] for each in DASHBOARD["templating"]["list"]}
    assert set(re.findall(r"\$\{?([a-z]+)\}?", json.dumps(DASHBOARD))) <= variables
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, f"{panel['title']} lies over another"
        assert max(x for x, _ in cells) < 24
        taken |= cells
        assert panel["type"] in ("row", "stat", "timeseries")
        assert panel["type"] == "row" or (panel["targets"] and panel["description"])
