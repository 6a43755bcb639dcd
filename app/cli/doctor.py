"""`reelgate doctor`: what works here, and what does not."""

from __future__ import annotations

from dataclasses import asdict

import typer

from app.cli.options import AsJson
from app.cli.terminal import FAILED, load_settings, print_json


def doctor(*, as_json: AsJson = False) -> None:
    """Check this machine, its gateway and its providers, without spending. Ends with status 1 if anything is wrong.

    It opens the data folder and the database by itself, so REELGATE_BASE_URL does not lead it to another machine.
    """
    from app.cli.checks import examine

    found = examine(load_settings())
    well = all(finding.ok for finding in found)
    if as_json:
        print_json({"object": "doctor", "ok": well, "checks": [asdict(finding) for finding in found]})
    raise typer.Exit(0 if well else FAILED)
