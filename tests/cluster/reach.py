"""A cluster that is up: where its parts answer, and what kubectl says there."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from functions.roll_out_model.knative_service import MODEL_LABEL
from kascade.system.home import MARKER, Home

T = TypeVar("T")
Json = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]
NAMESPACE = "kascade"
KINDS = (
    "brokers.eventing.knative.dev,services.serving.knative.dev,triggers.eventing.knative.dev,"
    "pingsources.sources.knative.dev,jobsinks.sinks.knative.dev"
)
"""The kinds of ours that Knative makes Ready."""


@dataclass(frozen=True)
class Cluster:
    """What `cluster.json` says of a cluster. All addresses can be reached from here.

    `gateway` leads to models, by the names that clients outside use; functions are hidden from outside.
    """

    kubeconfig: str
    kubectl_path: str
    work: Path
    gateway: str
    broker: str
    store: str
    api: str
    store_key: str
    store_secret: str
    database: str

    @classmethod
    def read(cls, path: Path) -> Cluster:
        """Read the file that the bring-up left."""
        said = json.loads(path.read_text())
        return cls(kubectl_path=said.pop("kubectl"), work=Path(said.pop("work")), **said)

    def tried(self, *args: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run kubectl, whatever comes of it."""
        return subprocess.run(
            [self.kubectl_path, "--kubeconfig", self.kubeconfig, *args],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=600,
        )

    def kubectl(self, *args: str, stdin: str | None = None) -> str:
        """Run kubectl and return what it prints."""
        done = self.tried(*args, stdin=stdin)
        assert done.returncode == 0, f"kubectl {' '.join(args)}: {done.stderr}"
        return done.stdout

    def objects(self, kinds: str, *args: str, namespace: str = NAMESPACE) -> list[Json]:
        """Return all objects of some kinds."""
        listed = json.loads(self.kubectl("-n", namespace, "get", kinds, "-o", "json", *args))
        return list(listed["items"]) if "items" in listed else [listed]

    def unready(self, kinds: str = KINDS) -> dict[str, str]:
        """Return each object of the installation that is not Ready, with its reason; models come and go."""
        found = {named(each): condition(each) for each in self.objects(kinds) if not of_a_model(each)}
        return {
            name: f"{said.get('status', 'no status')}: {said.get('reason', '')} {said.get('message', '')}"
            for name, said in found.items()
            if said.get("status") != "True"
        }

    def pods(self, selector: str = "", namespace: str = NAMESPACE) -> list[Json]:
        """Return the pods that are not on their way out."""
        listed = self.objects("pods", *(("-l", selector) if selector else ()), namespace=namespace)
        return [pod for pod in listed if "deletionTimestamp" not in pod["metadata"]]

    def store_environment(self) -> dict[str, str]:
        """Return the variables with which any S3 client reaches the object store."""
        return {
            "AWS_ENDPOINT_URL_S3": self.store,
            "AWS_ACCESS_KEY_ID": self.store_key,
            "AWS_SECRET_ACCESS_KEY": self.store_secret,
            "AWS_REGION": "us-east-1",
        }

    def kubectl_environment(self) -> dict[str, str]:
        """Return the variables with which kubectl, and so `kascade --url k8s://`, reaches the cluster."""
        path = f"{Path(self.kubectl_path).parent}{os.pathsep}{os.environ['PATH']}"
        return {"KUBECONFIG": self.kubeconfig, "PATH": path}

    def home(self, folder: Path) -> Home:
        """Return a state folder whose addresses are the cluster's: every `kascade` command works with it."""
        folder.mkdir(parents=True, exist_ok=True)
        broker = urlsplit(self.broker)
        written = {
            MARKER: "",
            "endpoints.json": {
                "gateway": self.gateway,
                "broker": f"{broker.scheme}://{broker.netloc}",
                "api": self.api,
            },
            "store.json": {"store": self.store},
            "credentials.json": {
                "access_key": self.store_key,
                "secret_key": self.store_secret,
                "webhook_token": "",
            },
        }
        for name, content in written.items():
            (folder / name).write_text(json.dumps(content) if content else "")
        return Home(folder)


def named(thing: Json) -> str:
    """Return an object's kind and name."""
    return f"{thing['kind']}/{thing['metadata']['name']}"


def of_a_model(thing: Json) -> bool:
    """Say whether roll_out_model made an object."""
    return MODEL_LABEL in thing["metadata"].get("labels", {})


def condition(thing: Json, type_: str = "Ready") -> Json:
    """Return a condition of an object, empty where it has none yet or an older generation's."""
    status = thing.get("status") or {}
    if status.get("observedGeneration", thing["metadata"].get("generation")) != thing["metadata"].get(
        "generation"
    ):
        return {}
    return next((each for each in status.get("conditions", []) if each["type"] == type_), {})


def eventually(look: Callable[[], T | None], timeout_s: float, *, what: str) -> T:
    """Return what `look` finds, looking again until the deadline."""
    deadline = time.monotonic() + timeout_s
    while not (found := look()):
        assert time.monotonic() < deadline, f"no {what} within {timeout_s} s"
        time.sleep(0.5)
    return found


OTHERS = ("local", "kserve")
"""Overlays of one machine, and of KServe: its objects need its definitions (tests/manifests checks them)."""


def overlays() -> list[Path]:
    """Return the kustomizations that are meant for a cluster with Knative, and with nothing else on it."""
    found = sorted(path.parent for path in (ROOT / "knative" / "overlays").glob("*/kustomization.yaml"))
    return [ROOT / "knative" / "base", *(path for path in found if path.name not in OTHERS)]


def documents(text: str) -> Iterator[Json]:
    """Yield the objects in what kubectl printed: JSON documents one after the other, or a List."""
    decoder, text = json.JSONDecoder(), text.strip()
    while text:
        found, end = decoder.raw_decode(text)
        yield from found.get("items", [found]) if found.get("kind") == "List" else [found]
        text = text[end:].lstrip()


def where() -> Path | None:
    """Return the place of `cluster.json`, if this run is told of a cluster."""
    said = os.environ.get("KASCADE_CLUSTER")
    return Path(said) if said else None
