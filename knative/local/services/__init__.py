"""Knative Serving on one machine: revisions as processes, started on demand and stopped when idle."""
