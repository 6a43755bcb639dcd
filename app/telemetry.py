"""Logs: one line per event, text for people at a terminal, JSON for machines."""

from __future__ import annotations

import contextlib
import io
import logging
import sys

import structlog


class _Stderr(io.StringIO):
    """Today's stderr, whatever became of it: work never fails because nobody reads the log."""

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()


def configure_logs(log_format: str, level: str) -> None:
    """Set up structlog for the process; `log_format` is auto, json or text."""
    text = log_format == "text" or (log_format == "auto" and sys.stderr.isatty())
    # Plain tracebacks: the pretty ones print local variables, and those hold keys and prompts.
    render = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if text
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(_Stderr()),
    )
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # it tells the log what we tell the client
