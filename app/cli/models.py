"""`reelgate models`: what can be asked for."""

from __future__ import annotations

from typing import Any

from rich.markup import escape
from rich.table import Table

from app.cli.connection import ask, client, find
from app.cli.options import AsJson, BaseUrl
from app.cli.terminal import fail, load_settings, out, plain, print_json


def models(base_url: BaseUrl = None, *, as_json: AsJson = False) -> None:
    """List the models: modes, shapes, resolutions, seconds and prices.

    Those of the gateway that runs, as far as your key may use them; else everything that the catalogue has.
    """
    settings = load_settings()
    url = find(settings, base_url)
    if url:
        with client(url, settings) as http:
            found = ask(http, "GET", "/v1/models")
    else:
        from app.api.models import model_object
        from app.startup import StartupError, load_catalogue

        try:
            known = load_catalogue(settings)
        except StartupError as error:
            fail(str(error), code="wrong_setting")
        data = [model_object(model, known, model.offerings) for model in known.models.values()]
        found = {"object": "list", "data": data}
    if as_json:
        print_json(found)
        return
    for model in found["data"]:
        _print(model)
    out.print("Prices are US dollars per second. The local provider serves every model on this machine for nothing.")


def _print(model: dict[str, Any]) -> None:
    out.print(f"[bold]{model['id']}[/bold]  {escape(plain(model['description']))}")
    out.print(_modes(model))
    for line in _prices(model):
        out.print(f"  {line}")
    if model["aliases"]:
        out.print(f"  [dim]also called {', '.join(model['aliases'])}[/dim]")
    out.print()


def _modes(model: dict[str, Any]) -> Table:
    table = Table(box=None, padding=(0, 2))
    for heading in ("mode", "resolutions", "seconds", "shapes", "images"):
        table.add_column(heading, no_wrap=heading == "mode")
    for mode in model["modes"]:
        ratios = mode["aspect_ratios"]
        table.add_row(
            mode["mode"],
            " ".join(mode["resolutions"]),
            _seconds(mode["seconds"]),
            f"{len(ratios)}: {ratios[0]} … {ratios[-1]}" if ratios else "as given",
            str(mode["max_images"] or "-"),
        )
    return table


def _seconds(offered: dict[str, Any] | None) -> str:
    if offered is None:
        return "as given"
    if offered["values"]:
        return " ".join(map(str, offered["values"]))
    return str(offered["min"]) if offered["min"] == offered["max"] else f"{offered['min']}-{offered['max']}"


def _prices(model: dict[str, Any]) -> list[str]:
    """Say per provider what a second costs; modes with the same prices share a line."""
    lines: dict[str, list[str]] = {}
    for price in model["prices"]:
        text = ", ".join(f"{tier} {per_second:g}" for tier, per_second in price["per_second"].items())
        text += f", {price['per_input_image']:g} per image" if price["per_input_image"] else ""
        text += f", {price['per_input_second']:g} per input second" if price["per_input_second"] else ""
        lines.setdefault(f"{price['provider']}: {text}", []).append(price["mode"])
    return [f"{line}  [dim]({', '.join(modes)})[/dim]" for line, modes in lines.items()]
