"""The local Knative broker: durable log, trigger filters, delivery with retries, replies, dead letter sink.

`BrokerEngine` (engine.py) is the whole broker without an HTTP server; the gateway routes requests to it.
What it follows and where it departs from Knative's own broker: docs/broker.md.
"""
