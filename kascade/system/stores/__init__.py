"""Object stores for one machine: the embedded one, or a real MinIO."""
