"""What the players of platforms share: a thread that acts on objects, late, and how conditions are kept."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException

Json = dict[str, Any]
_PAUSE_S = 0.03


class FastClock:
    """Goes so many times faster than the clock on the wall."""

    def __init__(self, times: float = 10.0, start: datetime = datetime(2026, 11, 30, tzinfo=UTC)) -> None:
        self._times, self._began, self._start = times, time.monotonic(), start

    def __call__(self) -> datetime:
        return self._start + timedelta(seconds=self._times * (time.monotonic() - self._began))

    def stamp(self) -> str:
        """Return now as Kubernetes writes it: in whole seconds."""
        return self().strftime("%Y-%m-%dT%H:%M:%SZ")


class Player(ABC):
    """Acts on the objects of a namespace again and again until it is stopped.

    A change is acted on `lag_s` after it was seen, on the wall's clock: till then the status is the old one.

    Attributes:
        splits: each split of traffic that a model had, as percent by version, by the model's name.
    """

    def __init__(
        self,
        api: client.CustomObjectsApi,
        namespace: str,
        lag_s: float = 0.1,
        clock: FastClock | None = None,
    ) -> None:
        self.api, self.namespace, self.lag_s = api, namespace, lag_s
        self.clock = clock or FastClock()
        self.lock = threading.RLock()
        self.failures: list[str] = []
        self.splits: dict[str, list[dict[int, int]]] = {}
        self._seen: dict[tuple[str, int, bool], float] = {}
        self._stopped = threading.Event()

    @abstractmethod
    def act(self) -> None:
        """Act on what there is now."""

    @contextmanager
    def playing(self) -> Iterator[None]:
        thread = threading.Thread(target=self._play, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stopped.set()
            thread.join()
        assert self.failures == []

    def _play(self) -> None:
        while not self._stopped.wait(_PAUSE_S):
            try:
                with self.lock:
                    self.act()
            except ApiException as error:
                if error.status not in (404, 409):  # it was changed or deleted meanwhile
                    self.failures.append(str(error))
            except Exception as error:
                self.failures.append(repr(error))
                raise

    def is_due(self, body: Json) -> bool:
        """Say whether a change was seen long enough ago to be acted on."""
        metadata = body["metadata"]
        change = (metadata["uid"], metadata["generation"], "deletionTimestamp" in metadata)
        return time.monotonic() - self._seen.setdefault(change, time.monotonic()) >= self.lag_s

    def note(self, model: str, shares: Mapping[int, int]) -> None:
        """Note how a model's requests go, where they go and that has changed; who gets none is left out."""
        served = {version: share for version, share in shares.items() if share}
        seen = self.splits.setdefault(model, [])
        if served and seen[-1:] != [served]:
            seen.append(served)

    def listed(self, group: str, version: str, plural: str) -> list[Json]:
        found = self.api.list_namespaced_custom_object(group, version, self.namespace, plural)
        return list(found["items"])


def set_condition(
    conditions: list[Json], now: str, name: str, holds: bool | str, reason: str = "", message: str = ""
) -> None:
    """Set a condition, to a word or by whether it holds; its time is that of its last change of any kind."""
    made: Json = {"type": name, "status": holds if isinstance(holds, str) else str(holds)}
    made |= {key: value for key, value in (("reason", reason), ("message", message)) if value}
    old = next((each for each in conditions if each["type"] == name), None)
    if old is not None and {**old, "lastTransitionTime": ""} == {**made, "lastTransitionTime": ""}:
        return
    conditions[:] = [each for each in conditions if each["type"] != name]
    conditions.append({**made, "lastTransitionTime": now})


def set_ready(conditions: list[Json], now: str, dependents: tuple[str, ...]) -> None:
    """Set Ready by the conditions that it depends on; others do not count."""
    by_name = {each["type"]: each for each in conditions}
    bad = next((by_name[each] for each in dependents if by_name[each]["status"] != "True"), None)
    set_condition(conditions, now, "Ready", bad is None, (bad or {}).get("reason", ""))
