"""OpenTelemetry: the extra `reelgate[traces]`. Its own variables (OTEL_…) say where spans go and how many are kept.

https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry import trace

    from app.tracing import Facts, Kind

_STOP_SECONDS = 3.0  # spans are worth no more of the time in which a gateway must be gone
_KINDS = {"server": SpanKind.SERVER, "internal": SpanKind.INTERNAL, "client": SpanKind.CLIENT}
_W3C = TraceContextTextMapPropagator()


class OtelSpan:
    """A span of OpenTelemetry's."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def rename(self, name: str) -> None:
        """Call it what it turned out to be."""
        self._span.update_name(name)

    def note(self, facts: Facts) -> None:
        """Add what is known by now."""
        self._span.set_attributes(dict(facts))

    def fail(self, why: str) -> None:
        """Mark it as failed."""
        self._span.set_status(StatusCode.ERROR, why)
        self._span.set_attribute("error.type", why)


class OtelTracer:
    """Sends spans by OTLP over HTTP, in batches, from a thread of its own."""

    def __init__(self, version: str) -> None:
        named = Resource({"service.name": "reelgate", "service.version": version})
        from_variables = Resource.create()  # OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES: these win
        unnamed = str(from_variables.attributes.get("service.name", "")).startswith("unknown_service")
        resource = from_variables.merge(named) if unnamed else named.merge(from_variables)
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("reelgate", version)

    @contextmanager
    def span(self, name: str, kind: Kind, facts: Facts, parent: str | None) -> Iterator[OtelSpan]:
        """Follow what happens in the block. An exception is named by its type: messages may quote prompts."""
        context = _W3C.extract({"traceparent": parent}) if parent else None
        with self._tracer.start_as_current_span(
            name,
            context=context,
            kind=_KINDS[kind],
            attributes=dict(facts),
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            seen = OtelSpan(span)
            try:
                yield seen
            except BaseException as error:
                seen.fail(type(error).__name__)
                raise

    def traceparent(self) -> str | None:
        """Name the span under way."""
        carrier: dict[str, str] = {}
        _W3C.inject(carrier)
        return carrier.get("traceparent")

    def stop(self) -> None:
        """Send off what is left. A collector that does not answer is waited for by a thread that dies with us."""
        leaving = threading.Thread(target=self._provider.shutdown, name="traces", daemon=True)
        leaving.start()
        leaving.join(_STOP_SECONDS)
