"""What a function counts, in the form that Prometheus reads."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class EventMetrics:
    """Counts events and times them, by type and outcome. Each application has its own registry."""

    def __init__(self, function: str) -> None:
        self.registry = CollectorRegistry()
        labels = ("function", "type", "outcome")
        self._function = function
        self._events = Counter(
            "kascade_events", "Events received, by what became of them.", labels, registry=self.registry
        )
        self._seconds = Histogram(
            "kascade_event_seconds",
            "Seconds from an event's arrival to its answer.",
            labels,
            registry=self.registry,
            buckets=_BUCKETS_S,
        )
        self._sent = Counter(
            "kascade_events_sent", "Events answered or sent.", ("function", "type"), registry=self.registry
        )

    def observe(self, type_: str, outcome: str, seconds: float) -> None:
        """Count one event. `type_` must come from a closed set: each value is a series of its own."""
        self._events.labels(self._function, type_, outcome).inc()
        self._seconds.labels(self._function, type_, outcome).observe(seconds)

    def sent(self, type_: str) -> None:
        """Count one event that the function emitted."""
        self._sent.labels(self._function, type_).inc()

    def render(self) -> bytes:
        """Return everything counted, in the text exposition format."""
        return generate_latest(self.registry)
