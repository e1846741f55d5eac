"""Object stores for one machine: the embedded one (rclone over a folder), or a real MinIO."""
