"""What receive_objects counts of notifications and of the events that it sends, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter


class ObjectMetrics:
    """Counts the webhook's records, and events that the sink refused for good."""

    def __init__(self) -> None:
        self.records = Counter(
            "kascade_webhook_records",
            "Records received by the webhook, by what became of them.",
            ("outcome",),
            registry=None,
        )
        self.refusals = Counter(
            "kascade_object_events_refused",
            "Events of objects that the sink refused for good.",
            registry=None,
        )

    def register(self, registry: CollectorRegistry) -> None:
        """Show them in a registry."""
        for each in (self.records, self.refusals):
            registry.register(each)
