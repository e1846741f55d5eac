"""Kascade's feature views in Feast: `apply` them, or `serve` them. It runs where Feast is installed.

    python kascade_feast.py apply     declares every view of the bucket in Feast's registry, and says so
    python kascade_feast.py serve     Feast's own feature server, over the same registry

It imports `kascade_views.py` beside it, and else nothing of Kascade's, which cannot be installed where
Feast is. Variables:

    AWS_ENDPOINT_URL_S3, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION   the object store
    FEAST_ONLINE_STORE   Feast's `online_store`, as YAML or JSON; by default SQLite in FEAST_FOLDER
    FEAST_FOLDER         where SQLite's file is; by default a folder that goes with the process
    K_SINK               the broker, which hears what was applied
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

try:
    import yaml
    from feast.infra.online_stores import sqlite as feast_sqlite
except ImportError as error:
    raise SystemExit(
        f"{error}: Feast is to be where this runs; a checkout gets it with: make feast"
    ) from error

from kascade_views import BUCKET, batches, newest_rows, objects_of, stored_views

REGISTRY = "registry.db"
PROJECT = "kascade"
REGISTRY_TTL_S = 10
_SOURCE = "/kascade/apply_features"
_ATTEMPTS = 5


class SqliteOnlineStoreConfig(feast_sqlite.SqliteOnlineStoreConfig):
    """Feast's own, for the class below."""

    type: str = "kascade_feast.SqliteOnlineStore"


class SqliteOnlineStore(feast_sqlite.SqliteOnlineStore):
    """Feast's SQLite store, which makes a view's table when it is first written.

    `apply` runs elsewhere, where this file is not.
    """

    def online_write_batch(self, config: Any, table: Any, data: Any, progress: Any) -> None:
        """Write rows."""
        try:
            super().online_write_batch(config, table, data, progress)
        except sqlite3.OperationalError as error:
            if "no such table" not in str(error):
                raise
            self.update(config, [], [table], [], [], partial=True)
            super().online_write_batch(config, table, data, progress)

    def online_read(self, config: Any, table: Any, entity_keys: Any, requested_features: Any = None) -> Any:
        """Read rows; of a view that was never written there are none."""
        try:
            return super().online_read(config, table, entity_keys, requested_features)
        except sqlite3.OperationalError as error:
            if "no such table" not in str(error):
                raise
            return [(None, None) for _ in entity_keys]


def main(arguments: list[str]) -> None:
    """Run one of the two commands."""
    commands: dict[str, Callable[[], None]] = {"apply": apply, "serve": serve}
    if len(arguments) != 1 or arguments[0] not in commands:
        raise SystemExit("usage: kascade_feast.py apply|serve")
    commands[arguments[0]]()


def apply() -> None:
    """Declare every view of the bucket in the registry; an event says which are there now.

    Where the event that asks says so, take views out instead that were retired.
    """
    asked = json.loads(Path(os.environ["K_EVENT_PATH"]).read_text())
    wanted = {each["name"] for each in asked["data"]["views"]}
    if asked["type"].endswith(".features.retired"):
        remove(wanted)
        return
    from feast import FeatureStore

    with tempfile.TemporaryDirectory() as folder:
        store = FeatureStore(fs_yaml_file=write_config(Path(folder)))
        # The registry is one file: of two jobs that write it at once one loses. So each tries again.
        for attempt in range(_ATTEMPTS):
            views = stored_views()
            missing = wanted - set(views)
            if missing:
                raise SystemExit(f"s3://{BUCKET} has no view.json of {', '.join(sorted(missing))}")
            known = {each.name for each in store.registry.list_feature_views(PROJECT, allow_cache=False)}
            if attempt and set(views) <= known:
                break
            store.apply([each for name, view in views.items() for each in objects_of(name, view)])
            time.sleep(attempt)
    announce(asked, sorted(wanted))
    print(f"applied {', '.join(sorted(wanted))}")


def remove(names: set[str]) -> None:
    """Take views out of the registry and the online store, unless they were defined again."""
    from feast import FeatureStore

    with tempfile.TemporaryDirectory() as folder:
        store = FeatureStore(fs_yaml_file=write_config(Path(folder)))
        for attempt in range(_ATTEMPTS):  # as in `apply`
            listed = store.registry.list_feature_views(PROJECT, allow_cache=False)
            gone = [each for each in listed if each.name in names - set(stored_views())]
            if not gone:
                break
            sources = [each.batch_source for each in gone]
            store.apply([], objects_to_delete=[*gone, *sources], partial=False)
            time.sleep(attempt)
    print(f"removed {', '.join(sorted(names))}")


def serve() -> None:
    """Become Feast's own server on $PORT."""
    folder = Path(os.environ.get("FEAST_FOLDER") or tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    config = write_config(folder)
    prepare(config, folder)
    from feast.cli.cli import cli

    host, port = os.environ.get("HOST", "0.0.0.0"), os.environ.get("PORT", "8080")  # noqa: S104
    arguments = ["--feature-store-yaml", str(config), "serve", "--host", host, "--port", port]
    # By default a worker ends after a thousand requests, and nobody answers until the next has started.
    arguments += ["--max-requests", "0", "--max-requests-jitter", "0", "--no-access-log"]
    arguments += [
        "--workers",
        os.environ.get("FEAST_WORKERS", "1"),
        "--registry_ttl_sec",
        str(REGISTRY_TTL_S),
    ]
    cli(arguments)


def prepare(config: Path, folder: Path) -> None:
    """Make the registry if there is none; fill an online store of one's own, which may have been lost."""
    from feast import FeatureStore

    store = FeatureStore(fs_yaml_file=config)
    views = stored_views()
    known = {each.name for each in store.registry.list_feature_views(PROJECT, allow_cache=False)}
    if not known:
        store.apply([each for name, view in views.items() for each in objects_of(name, view)])
    filled = folder / "filled"
    if os.environ.get("FEAST_ONLINE_STORE") or filled.exists():
        return
    for name, view in views.items():
        fill(store, name, view)
    filled.touch()


def fill(store: Any, name: str, view: dict[str, Any]) -> None:
    """Write each entity's newest row."""
    rows = newest_rows(view)
    for batch in batches(rows, view):
        store.write_to_online_store(name, batch, allow_registry_cache=False)
    print(f"filled {name}: {len(rows)} entities", flush=True)


def write_config(folder: Path) -> Path:
    """Write feature_store.yaml."""
    path = folder / "feature_store.yaml"
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3")
    if endpoint:
        os.environ.setdefault("FEAST_S3_ENDPOINT_URL", endpoint)
    if os.environ.get("AWS_REGION"):
        os.environ.setdefault("AWS_DEFAULT_REGION", os.environ["AWS_REGION"])
    own = {"type": "kascade_feast.SqliteOnlineStore", "path": str(folder / "online.db")}
    given = os.environ.get("FEAST_ONLINE_STORE")
    config = {
        "project": PROJECT,
        "provider": "local",
        "registry": {"path": f"s3://{BUCKET}/{REGISTRY}", "cache_ttl_seconds": 0},
        "online_store": yaml.safe_load(given) if given else own,
        "offline_store": {"type": "file"},
        "entity_key_serialization_version": 3,
    }
    path.write_text(yaml.safe_dump(config))
    path.chmod(0o600)  # it may hold a password
    return path


def announce(asked: dict[str, Any], names: list[str]) -> None:
    """Send `features.applied`, with an id that follows from the event that asked."""
    import requests

    kind = "dev.kascade.features.applied"
    event = {
        "specversion": "1.0",
        "id": str(uuid.uuid5(uuid.UUID(int=0), f"{asked['id']}\n{kind}")),
        "source": _SOURCE,
        "type": kind,
        "subject": asked["data"]["model"],
        "correlationid": asked.get("correlationid", asked["id"]),
        "causationid": asked["id"],
        "datacontenttype": "application/json",
        "data": {"model": asked["data"]["model"], "views": names},
    }
    headers = {"Content-Type": "application/cloudevents+json"}
    requests.post(os.environ["K_SINK"], json=event, headers=headers, timeout=30).raise_for_status()


if __name__ == "__main__":
    main(sys.argv[1:])
