"""A real Feast with the functions that feed it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from support.feast import Feast
from support.features import Features
from support.receiver import Receiver
from support.tables import create_tables

from eventing.codec import decode
from eventing.event import Event
from eventing.store import S3Store
from functions.materialize_features.feature_server import FeastServer
from functions.state.database import make_engine


class World:
    """One Feast, with its store, and the functions on them.

    Args:
        store: the variables of the object store.
        variables: others, of Feast's server and job.
    """

    def __init__(self, folder: Path, store: Mapping[str, str], receiver: Receiver, **variables: str) -> None:
        engine = make_engine(f"sqlite:///{folder / 'state.db'}")
        create_tables(engine)
        self.receiver, self.feast = receiver, Feast(folder / "feast", store, **variables)
        self.server = FeastServer(self.feast.url, 60)
        self.features = Features(S3Store.from_env(store), engine, self.server, self.apply, folder)

    def apply(self, event: Event) -> Event:
        """Run the job for an event; return what it says."""
        before = len(self.receiver.requests)
        done = self.feast.apply(event, self.receiver.url)
        assert done.returncode == 0, done.stderr
        ((headers, body),) = self.receiver.requests[before:]
        return decode(headers, body)

    def ask(self, view: str, customers: list[str]) -> dict[str, list[Any]]:
        """Ask the server as a client would; return the values by feature."""
        names = ["plan", "account", "seen", "total", "visits"]
        body = {"features": [f"{view}:{name}" for name in names], "entities": {"customer": customers}}
        status, answer = self.feast.ask("/get-online-features", body)
        assert status == 200, answer
        return {
            name: each["values"]
            for name, each in zip(answer["metadata"]["feature_names"], answer["results"], strict=True)
        }
