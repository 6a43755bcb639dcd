"""The audit trail: one log line for each change to who may do what, and for each word of an operator about money."""

from __future__ import annotations

import structlog

log = structlog.get_logger()

CLI = "cli"  # who works in the database itself, at the command line


def audit(action: str, *, who: str, target: str, **facts: object) -> None:
    """Write one line: the key `who` did this to the thing with the id `target`. The request id is in every line.

    `facts` hold no secrets: names of what was changed rather than values, never a URL.
    """
    log.info("audit", action=action, who=who, target=target, **facts)
