"""What notify_people counts, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter


class NotificationMetrics:
    """Counts notifications by what became of them."""

    def __init__(self) -> None:
        self._notified = Counter(
            "kascade_notifications",
            "Notifications, by what became of them: told, held, retried or refused.",
            ("route", "severity", "outcome"),
            registry=None,
        )

    def register(self, registry: CollectorRegistry) -> None:
        """Show them in a registry."""
        registry.register(self._notified)

    def count(self, route: str, severity: str, outcome: str) -> None:
        """Count one attempt of a route."""
        self._notified.labels(route, severity, outcome).inc()
