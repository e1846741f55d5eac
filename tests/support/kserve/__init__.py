"""KServe played: a Kubernetes API with server-side apply, KServe's webhooks, its controller and Knative's.

It does what KServe 0.20 was seen to do on a real cluster, its traps included; only pods are played.
"""
