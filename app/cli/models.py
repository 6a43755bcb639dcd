"""`reelgate models`: what can be asked for."""

from __future__ import annotations

from rich.table import Table

from app.cli.terminal import out
from app.domain import catalogue


def models() -> None:
    """List the models, their modes, limits and prices."""
    known = catalogue.builtin()
    table = Table(
        "model", "mode", "resolutions", "aspect ratios", "seconds", "images", "$/s (fal)", box=None, pad_edge=False
    )
    for model in known.models.values():
        name = f"[bold]{model.id}[/bold]"
        fal = model.offerings.get("fal")
        for mode, spec in model.modes.items():
            offered = fal.modes.get(mode) if fal else None
            prices = offered.price.second if offered and offered.price else {}
            table.add_row(
                name,
                mode.value,
                " ".join(spec.resolutions) or "-",
                " ".join(spec.ratios) or "of the input",
                f"{spec.seconds.min}-{spec.seconds.max} ({spec.seconds.default})" if spec.seconds else "of the input",
                str(spec.images.max or "-"),
                " ".join(f"{tier} {price:g}" for tier, price in prices.items()) or "-",
            )
            name = ""
        table.add_section()
    out.print(table)
    out.print("\nAliases: " + ", ".join(f"{alias} → {target}" for alias, target in known.aliases.items()))
    out.print("The local provider serves all of them on this machine for nothing, and marks every frame as a preview.")
