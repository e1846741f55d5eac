"""Knative's sources: PingSource, ApiServerSource, and SinkBinding for everything that emits events itself."""
