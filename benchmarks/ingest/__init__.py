"""How fast ingest_data reads a large file, and in how much memory."""
