"""The objects: versions, changes, watches, what survives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from knative.local.applying import apply
from knative.local.errors import AlreadyExists, Conflict, ManifestError, NotFound
from knative.local.manifests.documents import Manifest
from knative.local.reconciling import Reconciler
from knative.local.resources.journal import Journal
from knative.local.resources.kinds import CONFIG_MAP, JOB, SERVICE, TRIGGER
from knative.local.resources.objects import Key, condition, ready_of, with_times
from knative.local.resources.store import Store, WatchEvent

KEY = Key(CONFIG_MAP, "default", "a")


@pytest.fixture
def open_store(tmp_path: Path) -> Iterator[Callable[[], Store]]:
    journals: list[Journal] = []

    def open_() -> Store:
        for journal in journals:
            journal.close()
        journals[:] = [Journal(tmp_path / "objects.db")]
        return Store(journals[0])

    yield open_
    for journal in journals:
        journal.close()


def body(**data: str) -> dict[str, Any]:
    return {"metadata": {"name": "a"}, "data": data}


def test_an_object_has_a_uid_a_generation_and_a_version(open_store: Callable[[], Store]) -> None:
    store = open_store()
    made = store.create(KEY, body(x="1"))
    relabelled = store.replace(KEY, {**made, "metadata": {**made["metadata"], "labels": {"l": "m"}}})
    changed = store.replace(KEY, {**relabelled, "data": {"x": "2"}})
    assert [b["metadata"]["generation"] for b in (made, relabelled, changed)] == [1, 1, 2]
    versions = [int(b["metadata"]["resourceVersion"]) for b in (made, relabelled, changed)]
    assert versions == sorted(set(versions))
    assert made["metadata"]["uid"] == changed["metadata"]["uid"]
    assert store.replace(KEY, changed) is changed


def test_a_status_is_kept_apart_from_what_users_write(open_store: Callable[[], Store]) -> None:
    store = open_store()
    store.create(KEY, body(x="1"))
    store.set_status(KEY, {"phase": "good"})
    version = store.get(KEY)["metadata"]["resourceVersion"]
    store.set_status(KEY, {"phase": "good"})
    assert store.get(KEY)["metadata"]["resourceVersion"] == version
    changed = store.replace(KEY, {**body(x="2"), "status": {"phase": "mine"}})
    assert changed["status"] == {"phase": "good"}
    store.set_status(Key(CONFIG_MAP, "default", "none"), {"phase": "lost"})


def test_what_exists_or_does_not_or_changed_is_refused(open_store: Callable[[], Store]) -> None:
    store = open_store()
    made = store.create(KEY, body())
    with pytest.raises(AlreadyExists):
        store.create(KEY, body())
    store.replace(KEY, body(x="2"))
    with pytest.raises(Conflict):
        store.replace(KEY, body(), expected=made["metadata"]["resourceVersion"])
    store.delete(KEY)
    for call in (store.get, store.delete):
        with pytest.raises(NotFound):
            call(KEY)


def test_changes_are_told_and_remembered(open_store: Callable[[], Store]) -> None:
    store = open_store()
    heard: list[WatchEvent] = []
    end = store.listen(heard.append)
    before = store.version
    store.create(KEY, body())
    store.replace(KEY, body(x="1"))
    store.delete(KEY)
    end()
    store.create(KEY, body())
    assert [h.change for h in heard] == ["ADDED", "MODIFIED", "DELETED"]
    missed = store.since(before)
    assert missed is not None
    assert [h.change for h in missed] == ["ADDED", "MODIFIED", "DELETED", "ADDED"]
    assert store.since(store.version) == []
    assert store.since(store.version + 5) is None


def test_old_changes_are_forgotten_and_said_so(open_store: Callable[[], Store]) -> None:
    store = open_store()
    store.create(KEY, body())
    before = store.version
    for number in range(5000):
        store.set_status(KEY, {"n": number})
    assert store.since(before) is None


def test_everything_is_there_after_opening_again(open_store: Callable[[], Store]) -> None:
    store = open_store()
    made = store.create(KEY, body(x="1"), manifest=body(x="1"))
    asyncio.run(store.durable())
    again = open_store()
    assert again.get(KEY) == made
    assert again.manifest_of(KEY) == body(x="1")
    assert again.version >= int(made["metadata"]["resourceVersion"])
    again.delete(KEY)
    assert open_store().find(KEY) is None


def test_writes_that_the_disk_refuses_are_not_called_durable(
    open_store: Callable[[], Store], tmp_path: Path
) -> None:
    store = open_store()
    import sqlite3

    with sqlite3.connect(tmp_path / "objects.db") as other:
        other.execute("DROP TABLE objects")
    store.create(KEY, body())
    with pytest.raises(sqlite3.Error):
        asyncio.run(store.durable())


def manifest(kind: str, name: str, **fields: Any) -> Manifest:
    versions = {"ConfigMap": "v1", "Job": "batch/v1"}
    metadata = {"name": name, "namespace": "fresh"}
    return Manifest(
        {"apiVersion": versions.get(kind, "v1"), "kind": kind, "metadata": metadata, **fields}, "a.yaml"
    )


def test_manifests_are_applied_and_pruned_and_the_api_s_objects_left_alone(
    open_store: Callable[[], Store],
) -> None:
    store = open_store()
    one, two = manifest("ConfigMap", "one", data={"x": "1"}), manifest("ConfigMap", "two")
    apply(store, [one, two])
    store.create(KEY, body())
    key = Key(CONFIG_MAP, "fresh", "one")
    store.replace(key, {**store.get(key), "data": {"x": "api"}})

    apply(store, [one])
    assert store.get(key)["data"] == {"x": "api"}
    assert store.find(Key(CONFIG_MAP, "fresh", "two")) is None
    assert store.find(KEY) is not None

    apply(store, [one.with_body({**one.body, "data": {"x": "2"}})])
    assert store.get(key)["data"] == {"x": "2"}
    with pytest.raises(ManifestError):
        apply(store, [manifest("Pod", "p")])


def test_a_job_is_made_anew_when_its_manifest_changes(open_store: Callable[[], Store]) -> None:
    store = open_store()
    key = Key(JOB, "fresh", "j")
    apply(store, [manifest("Job", "j", spec={"template": 1})])
    first = store.get(key)["metadata"]["uid"]
    store.set_status(key, {"succeeded": 1})
    apply(store, [manifest("Job", "j", spec={"template": 1})])
    assert store.get(key)["metadata"]["uid"] == first
    apply(store, [manifest("Job", "j", spec={"template": 2})])
    assert store.get(key)["metadata"]["uid"] != first
    assert "status" not in store.get(key)


def test_objects_are_handled_after_changes_of_themselves_and_of_what_they_depend_on(
    open_store: Callable[[], Store],
) -> None:
    async def run() -> list[str]:
        store, handled = open_store(), []
        trigger = Key(TRIGGER, "default", "t")
        store.create(trigger, {"metadata": {"name": "t"}, "spec": {}})
        tries = iter((True, False))

        def handle_service(key: Key) -> None:
            handled.append(str(key))
            if next(tries, False):
                raise RuntimeError("at first")

        handlers = {TRIGGER: lambda key: handled.append(str(key)), SERVICE: handle_service}
        reconciler = Reconciler(store, handlers, {SERVICE: (TRIGGER,)})
        store.create(Key(SERVICE, "default", "s"), {"metadata": {"name": "s"}, "spec": {}})
        async with asyncio.timeout(5):
            while len(handled) < 3:
                await asyncio.sleep(0.01)
        reconciler.close()
        return handled

    assert asyncio.run(run()) == ["Service default/s", "Trigger default/t", "Service default/s"]


def test_a_condition_keeps_its_time_while_its_status_stays() -> None:
    old = [{"type": "Ready", "status": "True", "lastTransitionTime": "2020-01-01T00:00:00Z"}]
    assert with_times([condition("Ready", True)], {"status": {"conditions": old}})[0][
        "lastTransitionTime"
    ].startswith("2020")
    changed = with_times([condition("Ready", False, "Why", "because")], {"status": {"conditions": old}})[0]
    assert not changed["lastTransitionTime"].startswith("2020")
    assert (changed["reason"], changed["message"]) == ("Why", "because")
    assert ready_of({"status": {"conditions": [changed]}}) == "False"
    assert ready_of({}) == "Unknown"
