"""Knative's sources: PingSource, and SinkBinding for everything that emits events itself."""
