"""Plays both generations of Seldon over a Kubernetes API, with what their controllers were read to do."""
