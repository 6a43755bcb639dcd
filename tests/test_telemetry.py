"""Logs: one line per event, and never a reason to fail."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING

import structlog

from app.telemetry import configure_logs

if TYPE_CHECKING:
    import pytest


def test_an_event_is_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("json", "info")
    structlog.get_logger().info("output moved", video="video_1")
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["video"], line["level"]) == ("output moved", "video_1", "info")


def test_a_log_that_nobody_can_read_stops_no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    configure_logs("json", "info")
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    structlog.get_logger().info("nobody hears this")
