"""Reading manifests: kustomization trees and plain YAML files, rendered as `kubectl kustomize` renders them."""
