"""Services: from zero and back, ready before traffic, shares, tags, limits, drain."""

from __future__ import annotations

import concurrent.futures
import json
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from .conftest import REVISIONS, SERVICES, Local, until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def local(make_local: Callable[..., Local]) -> Iterator[Local]:
    local = make_local("--idle-s", "1")
    sleepy = {"autoscaling.knative.dev/scale-to-zero-pod-retention-period": "60s"}
    local.write(
        local.service("lazy", env={"COLOUR": "red"}),
        local.service(
            "narrow", annotations={**sleepy, "autoscaling.knative.dev/max-scale": "1"}, containerConcurrency=1
        ),
        local.service("wide", annotations=sleepy, containerConcurrency=1),
        local.service("hasty", annotations=sleepy, timeoutSeconds=1),
        local.service("steady", annotations={"autoscaling.knative.dev/min-scale": "1"}),
    )
    yield local.start()
    assert local.stop() == 0
    assert local.children() == []


def created(local: Local, service: dict[str, object]) -> None:
    answer = local.api("POST", SERVICES, json=service)
    assert answer.status_code == 201, answer.text


def patched(local: Local, name: str, patch: dict[str, object]) -> None:
    answer = local.api(
        "PATCH", f"{SERVICES}/{name}", json=patch, headers={"Content-Type": "application/merge-patch+json"}
    )
    assert answer.status_code == 200, answer.text


def test_a_service_starts_with_its_first_request_and_stops_when_idle(local: Local) -> None:
    assert not [c for c, env in local.environs().items() if "COLOUR" in env]

    told = local.get("lazy", "/a/b?c=d").json()

    assert told["path"] == "/a/b?c=d"
    assert told["env"]["K_SERVICE"] == told["env"]["K_CONFIGURATION"] == "lazy"
    assert told["env"]["K_REVISION"] == "lazy-00001"
    assert told["env"]["HOST"] == "127.0.0.1"
    until(
        lambda: not [c for c, env in local.environs().items() if "COLOUR" in env], what="the process stopped"
    )
    assert local.get("lazy").json()["pid"] != told["pid"]


def test_min_scale_keeps_a_process_from_the_start_and_replaces_one_that_dies(local: Local) -> None:
    first = until(lambda: [c for c, env in local.environs().items() if env.get("K_SERVICE") == "steady"])[0]

    first.kill()

    second = until(
        lambda: [c for c, env in local.environs().items() if env.get("K_SERVICE") == "steady" and c != first]
    )
    assert second
    assert local.get("steady").status_code == 200


def test_container_concurrency_holds_and_requests_beyond_it_wait(local: Local) -> None:
    local.get("narrow")
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: local.get("narrow", "/?s=0.2"), range(4)))
    assert time.monotonic() - began >= 0.8
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["pid"] for answer in answers}) == 1


def test_demand_beyond_one_process_starts_another_up_to_max_scale(local: Local) -> None:
    with concurrent.futures.ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda _: local.get("wide", "/?s=0.4"), range(6)))
    assert len({answer.json()["pid"] for answer in answers}) == 2


def test_a_request_over_its_time_is_answered_504(local: Local) -> None:
    # Its process, too, has to be there within the second.
    until(lambda: local.get("hasty").status_code == 200)
    answer = local.get("hasty", "/?s=3")
    assert answer.status_code == 504
    assert "1 s" in answer.text


def test_headers_say_where_the_request_came_from(local: Local) -> None:
    told = local.get("lazy", headers={"X-Forwarded-For": "10.0.0.9"}).json()["headers"]
    headers = {name.title(): value for name, value in told.items()}
    assert headers["X-Forwarded-For"] == "10.0.0.9, 127.0.0.1"
    assert headers["X-Forwarded-Proto"] == "http"
    assert headers["X-Forwarded-Host"] == headers["Host"] == "lazy.default.localhost"
    assert headers["X-Request-Id"]
    assert "X-Forwarded-Prefix" not in headers

    url = f"{local.endpoints['gateway']}/-/services/default/lazy"
    for path in ("", "/", "/a/b?c=/a/b"):
        told = requests.get(url + path, timeout=30).json()["headers"]
        assert {name.title(): value for name, value in told.items()}["X-Forwarded-Prefix"] == (
            "/-/services/default/lazy"
        )


def test_a_stream_arrives_as_it_is_written(local: Local) -> None:
    with local.get("lazy", "/stream", stream=True) as answer:
        parts = answer.iter_content(None)
        assert next(parts) == b"first"
        assert b"".join(parts) == b"second"


def test_a_large_body_passes_with_and_without_its_length(local: Local) -> None:
    url = f"{local.endpoints['gateway']}/-/services/default/lazy/count"
    body = b"x" * (20 << 20)
    assert requests.post(url, data=body, timeout=30).text == str(len(body))
    pieces = (body[:1000] for _ in range(500))
    assert requests.post(url, data=pieces, timeout=30).text == "500000"


def test_an_unknown_host_is_told_the_known_ones(local: Local) -> None:
    answer = local.get("nobody")
    assert answer.status_code == 404
    assert "http://lazy.default.localhost" in answer.text
    elsewhere = local.get("lazy", headers={"Host": "example.org"})
    assert elsewhere.status_code == 404


def test_the_index_lists_services_and_their_addresses(local: Local) -> None:
    index = requests.get(local.endpoints["gateway"], timeout=10).json()
    port = local.endpoints["gateway"].rpartition(":")[2]
    assert index["services"]["default/lazy"] == f"http://lazy.default.localhost:{port}"


def test_a_new_revision_gets_traffic_only_once_it_is_ready(local: Local) -> None:
    created(local, local.service("careful", revision="careful-v1", env={"V": "1"}))
    until(lambda: local.ready(f"{SERVICES}/careful")[0] == "True")
    second = local.service("careful", revision="careful-v2", env={"V": "2", "READY_AFTER_S": "0.7"})
    patched(local, "careful", {"spec": second["spec"]})

    assert local.get("careful").json()["env"]["V"] == "1"
    assert local.object(f"{SERVICES}/careful")["status"]["latestReadyRevisionName"] == "careful-v1"
    until(lambda: local.get("careful").json()["env"]["V"] == "2")
    assert local.object(f"{SERVICES}/careful")["status"]["latestReadyRevisionName"] == "careful-v2"


def test_a_revision_that_never_becomes_ready_is_said_so_and_the_old_one_goes_on(local: Local) -> None:
    created(local, local.service("wary", revision="wary-v1", env={"V": "1"}))
    until(lambda: local.ready(f"{SERVICES}/wary")[0] == "True")
    slow = {"serving.knative.dev/progress-deadline": "1s"}
    patched(
        local,
        "wary",
        {"spec": local.service("wary", revision="wary-v2", env={"NEVER": "1"}, annotations=slow)["spec"]},
    )

    until(lambda: local.ready(f"{SERVICES}/wary")[0] == "False")
    assert local.ready(f"{REVISIONS}/wary-v2")[1] == "ProgressDeadlineExceeded"
    assert local.get("wary").json()["env"]["V"] == "1"


def test_a_revision_that_crashes_reports_its_last_words(local: Local) -> None:
    created(local, local.service("doomed", env={"CRASH": "no disk"}))

    until(lambda: local.ready(f"{SERVICES}/doomed")[0] == "False")
    _, reason, message = local.ready(f"{SERVICES}/doomed")
    assert reason == "RevisionFailed"
    assert "exit code 3" in message
    assert "about to fail: no disk" in message
    assert local.get("doomed").status_code == 503


def test_percents_are_kept_and_tags_reach_their_revision(local: Local) -> None:
    created(local, local.service("split", revision="split-v1", env={"V": "1"}))
    until(lambda: local.ready(f"{SERVICES}/split")[0] == "True")
    traffic = [
        {"revisionName": "split-v1", "percent": 90},
        {"revisionName": "split-v2", "percent": 10, "tag": "canary"},
    ]
    second = local.service("split", revision="split-v2", env={"V": "2"}, traffic=traffic)
    patched(local, "split", {"spec": second["spec"]})
    until(lambda: local.object(f"{SERVICES}/split")["status"]["traffic"][-1].get("tag") == "canary")

    assert {local.get("canary-split").json()["env"]["V"] for _ in range(3)} == {"2"}
    with requests.Session() as session:
        url = f"{local.endpoints['gateway']}/-/services/default/split/"
        seen = Counter(session.get(url, timeout=10).json()["env"]["V"] for _ in range(600))
    chi_square = (seen["1"] - 540) ** 2 / 540 + (seen["2"] - 60) ** 2 / 60
    assert math.erfc(math.sqrt(chi_square / 2)) > 1e-4, seen
    port = local.endpoints["gateway"].rpartition(":")[2]
    told = local.object(f"{SERVICES}/split")["status"]["traffic"][1]
    assert told["url"] == f"http://canary-split.default.localhost:{port}"


def test_no_request_fails_while_revisions_change_and_go(local: Local) -> None:
    created(local, local.service("busy", revision="busy-v1"))
    until(lambda: local.ready(f"{SERVICES}/busy")[0] == "True")
    stop, failures = time.monotonic() + 4, []

    def ask() -> int:
        done = 0
        with requests.Session() as session:
            while time.monotonic() < stop:
                url = f"{local.endpoints['gateway']}/-/services/default/busy/?s=0.01"
                answer = session.get(url, timeout=10)
                done += 1
                if answer.status_code != 200:
                    failures.append(answer.text)
        return done

    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        asking = [threads.submit(ask) for _ in range(4)]
        for version in (2, 3):
            patched(local, "busy", {"spec": local.service("busy", revision=f"busy-v{version}")["spec"]})
            until(
                lambda v=version: (
                    local.object(f"{SERVICES}/busy")["status"]["latestReadyRevisionName"] == f"busy-v{v}"
                )
            )
            assert local.api("DELETE", f"{REVISIONS}/busy-v{version - 1}").status_code == 200
        total = sum(task.result() for task in asking)
    assert failures == []
    assert total > 100


def test_a_deleted_service_is_gone_with_all_it_made(local: Local) -> None:
    created(local, local.service("brief"))
    until(lambda: local.ready(f"{SERVICES}/brief")[0] == "True")
    assert local.api("DELETE", f"{SERVICES}/brief").json()["status"] == "Success"
    until(lambda: local.api("GET", f"{REVISIONS}/brief-00001").status_code == 404)
    until(lambda: not [c for c, env in local.environs().items() if env.get("K_SERVICE") == "brief"])
    assert local.get("brief").status_code == 404


def test_lifecycle_lines_are_json_when_no_one_watches(local: Local) -> None:
    lines = [json.loads(line) for line in local.output().splitlines()]
    assert {"ready", "service scaled", "revision ready"} <= {line["what"] for line in lines}
    assert Path(local.state / "logs" / "default.doomed-00001.log").read_text().startswith("about to fail")
