"""Bringing objects to what they ask for, one after the other, again when something they depend on changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from knative.local.log import warn
from knative.local.resources.kinds import Kind
from knative.local.resources.objects import Key, key_of
from knative.local.resources.store import Store, WatchEvent

_AGAIN_S = 1.0

Handler = Callable[[Key], None]


class Reconciler:
    """Calls the handler of an object's kind after every change of it, and of objects its kind depends on."""

    def __init__(
        self, store: Store, handlers: Mapping[Kind, Handler], dependants: Mapping[Kind, tuple[Kind, ...]]
    ) -> None:
        self._store = store
        self._handlers = handlers
        self._dependants = dependants
        self._due: dict[Key, None] = {}
        self._scheduled = False
        self._end = store.listen(self._on_change)

    def add(self, key: Key) -> None:
        """Have the object at `key` handled soon."""
        if key.kind not in self._handlers:
            return
        self._due[key] = None
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._work)

    def add_all(self) -> None:
        """Have every object handled soon."""
        for key in self._store.every_key():
            self.add(key)

    def run_due(self) -> None:
        """Handle everything that is due, now."""
        while self._due:
            self._work()

    def close(self) -> None:
        """Handle nothing more."""
        self._end()
        self._due.clear()
        self._handlers = {}

    def _on_change(self, event: WatchEvent) -> None:
        self.add(event.key)
        for kind in self._dependants.get(event.key.kind, ()):
            for body in self._store.all_of(kind):
                self.add(key_of(kind, body))

    def _work(self) -> None:
        self._scheduled = False
        due, self._due = list(self._due), {}
        for key in due:
            handler = self._handlers.get(key.kind)
            if handler is None:
                continue
            try:
                handler(key)
            except Exception as error:
                warn("cannot reconcile", object=str(key), why=f"{type(error).__name__}: {error}")
                asyncio.get_running_loop().call_later(_AGAIN_S, self.add, key)
