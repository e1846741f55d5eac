"""Reading manifests: kustomization trees, rendered as `kubectl kustomize` does, and plain YAML files."""
