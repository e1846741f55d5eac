"""A system on this machine: its state folder, and the processes of the object store and the runtime."""
