"""What the gateway counts, for Prometheus; it goes on while the processes behind it come and go."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

_SERVICE = ("namespace", "service")
_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class GatewayMetrics:
    """Counts and times the requests to each Service."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register what is counted."""
        self._requests = Counter(
            "kascade_gateway_requests",
            "Requests to Services, by the status of the answer.",
            (*_SERVICE, "code"),
            registry=registry,
        )
        self._seconds = Histogram(
            "kascade_gateway_request_seconds",
            "Seconds from a request to a Service to the answer's end, the start of a process included.",
            _SERVICE,
            registry=registry,
            buckets=_BUCKETS_S,
        )
        self._counters: dict[tuple[str, str, int], Counter] = {}
        self._timers: dict[tuple[str, str], Histogram] = {}

    def observe(self, namespace: str, service: str, code: int, seconds: float) -> None:
        """Count a request that was answered; on the path of every one, so labels are looked up once."""
        counter = self._counters.get((namespace, service, code))
        if counter is None:
            counter = self._counters[namespace, service, code] = self._requests.labels(
                namespace, service, str(code)
            )
        timer = self._timers.get((namespace, service))
        if timer is None:
            timer = self._timers[namespace, service] = self._seconds.labels(namespace, service)
        counter.inc()
        timer.observe(seconds)
