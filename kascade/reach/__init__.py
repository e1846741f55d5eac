"""The way to a system on a Kubernetes cluster: through its API server, by kubectl's own configuration."""
