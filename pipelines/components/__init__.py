"""The steps as Kubeflow components: each opens its artifacts' folders and calls its step, nothing more."""
