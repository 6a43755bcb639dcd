"""`reelgate models`: what can be asked for."""

from __future__ import annotations

from rich.table import Table

from app.cli.terminal import out
from app.domain import catalogue
from app.domain.catalogue import Model, SecondsRange


def models() -> None:
    """List the models: modes, shapes, resolutions, seconds and prices."""
    known = catalogue.builtin()
    for model in known.models.values():
        aliases = [alias for alias, target in known.aliases.items() if target == model.id]
        out.print(f"[bold]{model.id}[/bold]  {model.description}")
        out.print(_modes(model))
        for line in _prices(model):
            out.print(f"  {line}")
        if aliases:
            out.print(f"  [dim]also called {', '.join(aliases)}[/dim]")
        out.print()
    out.print("Prices are US dollars per second. The local provider serves every model on this machine for nothing.")


def _modes(model: Model) -> Table:
    table = Table(box=None, padding=(0, 2))
    for heading in ("mode", "resolutions", "seconds", "shapes", "images"):
        table.add_column(heading, no_wrap=heading == "mode")
    for mode, spec in model.modes.items():
        table.add_row(
            mode.value,
            " ".join(spec.resolutions),
            _seconds(spec.seconds),
            f"{len(spec.ratios)}: {spec.ratios[0]} … {spec.ratios[-1]}" if spec.ratios else "as given",
            str(spec.images.max or "-"),
        )
    return table


def _seconds(offered: SecondsRange | None) -> str:
    if offered is None:
        return "as given"
    if offered.values:
        return " ".join(map(str, offered.values))
    return str(offered.min) if offered.min == offered.max else f"{offered.min}-{offered.max}"


def _prices(model: Model) -> list[str]:
    """Say per provider what a second costs; modes with the same prices share a line."""
    lines: dict[str, list[str]] = {}
    for offering in model.offerings.values():
        for mode, spec in offering.modes.items():
            if spec.price:
                prices = ", ".join(f"{tier} {price:g}" for tier, price in spec.price.second.items())
                extra = f", {spec.price.image:g} per image" if spec.price.image else ""
                extra += f", {spec.price.input_second:g} per input second" if spec.price.input_second else ""
                lines.setdefault(f"{offering.provider}: {prices}{extra}", []).append(mode.value)
    return [f"{line}  [dim]({', '.join(modes)})[/dim]" for line, modes in lines.items()]
