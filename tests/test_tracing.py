"""Traces, as a collector gets them from a real gateway by OpenTelemetry's protocol."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.receiver import HANG, Receiver, receiving
from tests.serving import Running, environment_without, serve, settings_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{CALLER}-01"
PROMPT = "a secret harbour"


@dataclass(frozen=True)
class Sent:
    """A span as the collector got it; ids in hexadecimal."""

    trace: str
    id: str
    parent: str
    name: str
    facts: dict[str, str | int]
    failed: bool


@pytest.fixture
def collector() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def traced(tmp_path: Path, collector: Receiver, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.port}")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")  # milliseconds
    with serve(settings_for(tmp_path / "data", traces=True, allow_private_networks="all")) as gateway:
        yield gateway


def spans(collector: Receiver) -> list[Sent]:
    found = []
    for got in collector.got:
        if got.path != "/v1/traces":
            continue
        packed = got.headers.get("content-encoding") == "gzip"
        request = ExportTraceServiceRequest.FromString(gzip.decompress(got.body) if packed else got.body)
        for resource in request.resource_spans:
            named = {each.key: each.value.string_value for each in resource.resource.attributes}
            assert named["service.name"] == "reelgate"
            for scope in resource.scope_spans:
                for span in scope.spans:
                    facts: dict[str, str | int] = {
                        each.key: each.value.string_value or each.value.int_value for each in span.attributes
                    }
                    ids = span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()
                    found.append(Sent(*ids, span.name, facts, span.status.code == span.status.STATUS_CODE_ERROR))
    return found


def wait_for(collector: Receiver, *names: str) -> list[Sent]:
    """Return the spans, once there is one of each of these names."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = spans(collector)
        if set(names) <= {span.name for span in found}:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{Counter(span.name for span in spans(collector))}, but not all of {names}")


def test_one_trace_leads_from_the_callers_request_to_every_step_call_and_webhook(
    traced: Running, collector: Receiver
) -> None:
    body = {
        "prompt": PROMPT,
        "seconds": 1,
        "resolution": "480p",
        "webhook_url": f"http://127.0.0.1:{collector.port}/hook",
    }
    headers = {"traceparent": PARENT, "x-request-id": "asked:7"}
    created = traced.http.post("/v1/videos", json=body, headers=headers).json()
    traced.wait(created["id"])

    steps = ("submit step", "poll step", "store step", "draw step", "deliver step")
    found = wait_for(collector, "POST /v1/videos", *steps, "submit local", "poll local")
    request = next(span for span in found if span.name == "POST /v1/videos")
    assert (request.trace, request.parent) == (TRACE, CALLER)
    assert request.facts["http.response.status_code"] == 200
    assert request.facts["reelgate.request_id"] == "asked:7"
    for name in steps:
        step = next(span for span in found if span.name == name)
        assert (step.trace, step.parent) == (TRACE, request.id), name
        assert step.facts["reelgate.video"] == created["id"]
    submit = next(span for span in found if span.name == "submit step")
    call = next(span for span in found if span.name == "submit local")
    assert (call.trace, call.parent) == (TRACE, submit.id)

    hook = next(got for got in collector.got if got.path == "/hook")
    deliver = next(span for span in found if span.name == "deliver step")
    assert hook.headers["x-request-id"] == "asked:7"
    assert hook.headers["traceparent"] == f"00-{TRACE}-{deliver.id}-01"
    assert PROMPT not in str(found)


def test_a_trace_names_the_route_and_never_a_path_or_a_query(traced: Running, collector: Receiver) -> None:
    refused = traced.http.get("/v1/videos/video_nowhere/content?signature=hush")
    assert refused.status_code == 401
    found = wait_for(collector, "GET /v1/videos/{video_id}/content")
    assert "video_nowhere" not in str(found)
    assert "hush" not in str(found)


def test_a_request_that_its_caller_does_not_sample_is_not_sent(traced: Running, collector: Receiver) -> None:
    traced.http.get("/v1/models", headers={"traceparent": PARENT.removesuffix("01") + "00"})
    traced.http.get("/healthz")
    assert "GET /v1/models" not in {span.name for span in wait_for(collector, "GET /healthz")}


def test_a_dead_collector_holds_up_neither_videos_nor_the_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as deaf:
        deaf.answer = HANG
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{deaf.port}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "40")  # seconds
        with serve(settings_for(tmp_path / "data", traces=True)) as gateway:
            gateway.finished()
            leaving = time.monotonic()
    assert time.monotonic() - leaving < 30  # seconds


def test_without_the_extra_the_start_says_what_to_install(tmp_path: Path) -> None:
    bare = tmp_path / "bare.py"
    bare.write_text(
        "import sys\n"
        "sys.modules['opentelemetry.sdk'] = None\n"  # as if it were not there
        "sys.argv = ['reelgate', 'serve', '--port', '0']\n"
        "from app.cli import main\n"
        "main()\n",
        encoding="utf-8",
    )
    settings = {"REELGATE_DATA_DIR": str(tmp_path / "data"), "REELGATE_TRACES": "on"}
    ended = subprocess.run(
        [sys.executable, bare],
        check=False,
        env=environment_without("REELGATE_") | settings,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 1
    assert "pip install 'reelgate[traces]'" in ended.stderr


def test_every_log_line_of_a_job_names_the_request_that_asked_for_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with serve(settings_for(tmp_path / "data")) as gateway:
        answer = gateway.http.post(
            "/v1/videos",
            json={"prompt": "fog", "seconds": 1, "resolution": "480p"},
            headers={"x-request-id": "asked:9"},
        )
        gateway.wait(answer.json()["id"])
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    moved = [line for line in lines if line["event"] == "output moved"]
    assert len(moved) > 2
    assert {line["request_id"] for line in moved} == {"asked:9"}
