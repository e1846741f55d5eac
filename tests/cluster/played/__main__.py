"""Plays the node: `python -m cluster.played --keys …`, with tests/ on the path."""

from __future__ import annotations

import argparse
import itertools
import threading
from pathlib import Path
from typing import Any

from cluster.played.api import Api, Missing, Refused
from cluster.played.images import Images
from cluster.played.network import Network
from cluster.played.pod import Pod

Json = dict[str, Any]
NODE = "kascade-node"


def register(api: Api, address: str) -> None:
    """Make the node, ready for any number of pods."""
    room = {"cpu": "64", "memory": "256Gi", "pods": "1000", "ephemeral-storage": "256Gi"}
    labels = {"kubernetes.io/hostname": NODE, "kubernetes.io/os": "linux"}
    try:
        api.post(
            "/api/v1/nodes",
            {"kind": "Node", "apiVersion": "v1", "metadata": {"name": NODE, "labels": labels}},
        )
    except Refused:
        api.get(f"/api/v1/nodes/{NODE}")
    ready = {"type": "Ready", "status": "True", "reason": "Played", "message": "pods are processes here"}
    addresses = [{"type": "InternalIP", "address": address}]
    status = {"conditions": [ready], "addresses": addresses, "capacity": room, "allocatable": room}
    api.patch(f"/api/v1/nodes/{NODE}/status", {"status": status})


def bind(api: Api, pod: Json) -> bool:
    """Give a pod to the node, as the scheduler would. Say whether it is there to be run."""
    metadata = pod["metadata"]
    path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/binding"
    target = {"apiVersion": "v1", "kind": "Node", "name": NODE}
    try:
        api.post(
            path,
            {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": metadata["name"]}, "target": target},
        )
    except (Missing, Refused):
        return False
    pod["spec"]["nodeName"] = NODE
    return True


def main() -> None:
    """Run every pod that comes, until the process ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("keys", "programs", "project", "scratch", "logs"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--address", default="10.244.0.1")
    said = parser.parse_args()
    api = Api(f"https://{said.address}:6443", said.keys, "admin")
    images = Images(said.programs, said.project)
    register(api, said.address)
    said.logs.mkdir(parents=True, exist_ok=True)
    pods: dict[str, Pod] = {}
    numbers = itertools.count()
    for change, pod in api.watch("/api/v1/pods", threading.Event()):
        metadata = pod["metadata"]
        known = pods.get(metadata["uid"])
        if change == "DELETED":
            if known is not None:
                known.end(0)
                del pods[metadata["uid"]]
        elif "deletionTimestamp" in metadata:
            if known is not None:
                known.end(metadata.get("deletionGracePeriodSeconds", 30))
        elif known is None and "nodeName" not in pod["spec"] and bind(api, pod):
            network = Network(next(numbers), said.address)
            pods[metadata["uid"]] = Pod(api, pod, network, images, said.scratch, said.logs, said.address)
            pods[metadata["uid"]].start()


if __name__ == "__main__":
    main()
