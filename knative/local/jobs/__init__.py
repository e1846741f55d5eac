"""Jobs on one machine: run to completion, tried again, and made from events by JobSinks."""
