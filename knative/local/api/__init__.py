"""The Kubernetes-shaped API: the same `kubernetes` client code and `kubectl` work against it."""
