"""A gunicorn worker that drains: while it finishes what it has, it takes no new connections."""

from __future__ import annotations

from gunicorn.workers.gthread import ThreadWorker


class DrainingWorker(ThreadWorker):  # type: ignore[misc]
    """The threaded worker, which at its end refuses new connections and lets go of idle ones.

    gunicorn's own leaves new connections waiting until it breaks them, and waits for idle ones to time out.
    """

    def set_accept_enabled(self, enabled: bool) -> None:
        """Accept connections or not; once the worker is ending, for good."""
        super().set_accept_enabled(enabled)
        if enabled or self.alive:
            return
        for listener in self.sockets:
            listener.close()
        for idle in self.keepalived_conns:
            idle.timeout = 0
        self.murder_keepalived()
