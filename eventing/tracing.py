"""Traces by OpenTelemetry: a span for each event that is handled, joined over hops by `traceparent`.

They are made where `OTEL_EXPORTER_OTLP_ENDPOINT` or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` says where they go.
Elsewhere nothing of OpenTelemetry is imported. Its SDK reads its other variables itself.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from eventing.event import CAUSATION, TRACEPARENT, Event, answered_in

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_log = logging.getLogger(__name__)


@dataclass
class Handled:
    """The handling of an event; it has a span where traces are made."""

    span: Span | None = None

    def failed(self, outcome: str, why: str) -> None:
        """Note that it was not handled, and why."""
        if self.span is not None:
            from opentelemetry.trace import Status, StatusCode

            self.span.set_attribute("kascade.outcome", outcome)
            self.span.set_status(Status(StatusCode.ERROR, why))


class NoTracing:
    """Stands where no traces are wanted."""

    @contextmanager
    def handling(self, event: Event) -> Iterator[Handled]:
        """See `Tracing`."""
        yield Handled()

    def close(self) -> None:
        """See `Tracing`."""


class Tracing:
    """Makes spans and sends them, in a thread of its own: a collector that is away holds nothing up."""

    def __init__(self, provider: TracerProvider, function: str) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("kascade")
        self._function = function

    @contextmanager
    def handling(self, event: Event) -> Iterator[Handled]:
        """Make a span around the handling of an event; what answers the event carries it on."""
        from opentelemetry.trace import SpanKind

        with (
            self._tracer.start_as_current_span(
                f"{self._function} {event.type}",
                context=_context(event),
                kind=SpanKind.CONSUMER,
                attributes=_attributes(event),
            ) as span,
            answered_in(_written(span)),
        ):
            yield Handled(span)

    def close(self) -> None:
        """Send what is left, for some seconds at most."""
        self._provider.shutdown()


def tracing_from_env(function: str, env: Mapping[str, str]) -> Tracing | NoTracing:
    """Return what makes traces; none unless an endpoint is set and the extra `traces` is installed."""
    if not any(env.get(name) for name in ENDPOINTS) or env.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return NoTracing()
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        _log.error("no traces are sent: %s; install kascade[traces]", error)
        return NoTracing()
    resource = {"service.name": env.get("OTEL_SERVICE_NAME") or function, "service.namespace": "kascade"}
    provider = TracerProvider(resource=Resource.create(resource))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Tracing(provider, function)


def _context(event: Event) -> Context:
    """Return the span that an event comes of.

    An event without a `traceparent` gets one that follows from its chain, so that all who handle it, and what
    they answer, are in one trace.
    """
    from opentelemetry import trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier = {TRACEPARENT: event.extensions.get(TRACEPARENT, "")}
    found = TraceContextTextMapPropagator().extract(carrier)
    if trace.get_current_span(found).get_span_context().is_valid:
        return found
    chain = hashlib.sha256(event.correlation_id.encode()).digest()
    parent = trace.SpanContext(
        trace_id=int.from_bytes(chain[:16]) or 1,
        span_id=int.from_bytes(chain[16:24]) or 1,
        is_remote=True,
        trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED),
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(parent))


def _written(span: Span) -> str:
    """Return a span as W3C's Trace Context writes it."""
    context = span.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


def _attributes(event: Event) -> dict[str, str]:
    """Return what OpenTelemetry's conventions name of a CloudEvent, and the chain that it is in."""
    found = {
        "cloudevents.event_id": event.id,
        "cloudevents.event_source": event.source,
        "cloudevents.event_spec_version": event.specversion,
        "cloudevents.event_type": event.type,
        "cloudevents.event_subject": event.subject,
        "kascade.correlation_id": event.correlation_id,
        "kascade.causation_id": event.extensions.get(CAUSATION),
    }
    return {name: value for name, value in found.items() if value is not None}
