"""What the console reads of an API: of a runtime that says what waits, and of one that does not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask, Response, jsonify
from kubernetes import client
from werkzeug.serving import make_server

from functions.console.cluster import KubernetesCluster, Waiting

DOCUMENT = {
    "triggers": [
        {
            "namespace": "kascade",
            "trigger": "b",
            "waiting": {"subscriber": 3, "dead letter sink": 1},
            "parked": 0,
        },
        {"namespace": "kascade", "trigger": "a", "waiting": {"subscriber": 0}, "parked": 2},
        {"namespace": "kascade", "trigger": "idle", "waiting": {"subscriber": 0}, "parked": 0},
        {
            "namespace": "kascade",
            "trigger": "never",
            "waiting": {"subscriber": 0},
            "parked": 0,
            "never_matches": "type cannot be 'a' and 'b' at once",
        },
        {"namespace": "other", "trigger": "c", "waiting": {"subscriber": 9}, "parked": 0},
    ],
    "without_trigger": [],
    "damaged": [],
}


@contextmanager
def api(answer: Any) -> Iterator[KubernetesCluster]:
    app = Flask("api")
    app.add_url_rule(
        "/waiting", view_func=lambda: answer if isinstance(answer, Response) else jsonify(answer)
    )
    server = make_server("127.0.0.1", 0, app)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    configuration = client.Configuration(host=f"http://127.0.0.1:{server.port}")
    configuration.retries = False
    with client.ApiClient(configuration) as connected:
        yield KubernetesCluster(client.CustomObjectsApi(connected), "kascade")
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_waits_for_the_triggers_of_the_namespace_is_told() -> None:
    with api(DOCUMENT) as cluster:
        assert cluster.waiting() == [
            Waiting("a", 0, 2),
            Waiting("b", 4, 0),
            Waiting("never", 0, 0, "type cannot be 'a' and 'b' at once"),
        ]


@pytest.mark.parametrize(
    "answer", [Response(status=404), Response(status=403), Response("no json"), {"odd": 1}]
)
def test_an_api_that_does_not_tell_is_passed_over(answer: Any) -> None:
    with api(answer) as cluster:
        assert cluster.waiting() is None
