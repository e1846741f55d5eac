"""The broker under load: latency, throughput, CPU, memory, with every event on disk before its 202."""
