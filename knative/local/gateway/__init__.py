"""The one port for everything addressed by host name: Services, tagged revisions, brokers, JobSinks."""
