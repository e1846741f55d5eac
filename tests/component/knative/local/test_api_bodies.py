"""Bodies and queries that an API of strangers must bear: deep, growing, endless, or of another shape."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest

from .conftest import SERVICES, Local

BROKER = {"apiVersion": "eventing.knative.dev/v1", "kind": "Broker", "metadata": {"name": "default"}}
MAPS = "/api/v1/namespaces/default/configmaps"
APPLY = {"Content-Type": "application/apply-patch+yaml"}
BILLION = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefg", "bcdefgh", strict=True)
)


@pytest.fixture(scope="module")
def local(make_local: Callable[..., Local]) -> Iterator[Local]:
    local = make_local()
    local.write(
        BROKER, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "v"}}
    )
    yield local.start()
    assert "request failed" not in local.output()
    assert "Traceback" not in local.output()
    assert local.stop() == 0


def refused(local: Local, method: str, path: str, status: int, **given: Any) -> str:
    """Ask for something; return why it is refused, as a Status and at once."""
    began = time.monotonic()
    answer = local.api(method, path, **given)
    assert time.monotonic() - began < 5
    told = answer.json()
    assert (answer.status_code, told["kind"], told["code"]) == (status, "Status", status), told
    return str(told["message"])


@pytest.mark.case("S12", "JSON nested 100 k deep")
@pytest.mark.parametrize("depth", [101, 900, 100_000])
@pytest.mark.parametrize(("begin", "end"), [("[", "]"), ('{"a":', "}")])
def test_json_that_is_nested_deep_is_refused(local: Local, depth: int, begin: str, end: str) -> None:
    deep = begin * depth + "1" + end * depth
    body = f'{{"metadata": {{"name": "deep"}}, "data": {deep}}}'
    headers = {"Content-Type": "application/json"}
    assert "nested" in refused(local, "POST", MAPS, 400, data=body, headers=headers)
    assert "nested" in refused(
        local, "PATCH", f"{MAPS}/a", 400, data=body, headers={"Content-Type": "application/merge-patch+json"}
    )


@pytest.mark.case("S12", "charset=bogus")
@pytest.mark.parametrize("charset", ["bogus", "utf-7", '"', "idna"])
def test_a_charset_that_nobody_knows_is_no_failure(local: Local, charset: str) -> None:
    headers = {"Content-Type": f"application/json; charset={charset}"}
    body = json.dumps({"metadata": {"name": "odd"}, "data": {}})
    assert local.api("POST", MAPS, data=body, headers=headers).status_code in (201, 409)


@pytest.mark.case("S12", "deep YAML, a list as key, tags")
@pytest.mark.parametrize(
    "body",
    [
        "{a: " * 3_000,
        "[" * 3_000 + "]" * 3_000,
        "? [a, b]\n: c",
        "? {a: b}\n: c",
        "1: a",
        "a: !!binary aGVsbG8=",
        "a: !!timestamp 2026-01-01",
        "a: !!set {x, y}",
        "a: .nan",
        "a: !!python/object:os.system x",
        "a: !!int x",
        "a: *b",
        "a: 1\n---\nb: 2",
        "\x00",
        "a: {a: 1, a: 2}",
        BILLION,
        "x: &x {y: *x}",
    ],
)
def test_yaml_that_is_no_plain_object_is_refused(local: Local, body: str) -> None:
    refused(local, "PATCH", f"{MAPS}/a", 400, data=body.encode(), headers=APPLY)


@pytest.mark.case("S10", "800 KB of YAML on the event loop")
def test_large_yaml_is_refused_and_holds_nobody_up(local: Local) -> None:
    body = "apiVersion: v1\ndata:\n" + "".join(f"  k{number}: [a, b, {{c: d}}]\n" for number in range(40_000))
    assert "may have 65536 bytes" in refused(
        local, "PATCH", f"{MAPS}/a", 413, data=body.encode(), headers=APPLY
    )
    within = "data:\n" + "".join(f"  k{number}: '{number}'\n" for number in range(4_000))
    asking = threading.Thread(
        target=local.api, args=("PATCH", f"{MAPS}/a"), kwargs={"data": within.encode(), "headers": APPLY}
    )
    asking.start()
    while asking.is_alive():
        began = time.monotonic()
        assert local.api("GET", "/healthz").status_code == 200
        assert time.monotonic() - began < 2
    asking.join()


@pytest.mark.case("S10", "JSON Patch copy: 19 operations, 13 MB")
def test_a_patch_that_copies_its_own_copies_is_refused(local: Local) -> None:
    assert local.process is not None
    runtime = psutil.Process(local.process.pid)
    before = runtime.memory_info().rss
    operations = [{"op": "add", "path": "/data/k", "value": "x" * 100}]
    operations += [{"op": "copy", "from": "/data", "path": f"/data/c{number}"} for number in range(40)]
    headers = {"Content-Type": "application/json-patch+json"}
    said = refused(local, "PATCH", f"{MAPS}/a", 400, data=json.dumps(operations), headers=headers)
    assert "bytes would be copied" in said
    many = [{"op": "test", "path": "/data/k", "value": "v"}] * 10_001
    assert "10001 operations" in refused(
        local, "PATCH", f"{MAPS}/a", 400, data=json.dumps(many), headers=headers
    )
    assert runtime.memory_info().rss - before < 100 << 20


@pytest.mark.case("S10", "an object larger than a cluster keeps")
def test_a_body_or_an_object_that_is_too_large_is_refused(local: Local) -> None:
    large = {"metadata": {"name": "large"}, "data": {"k": "x" * (2 << 20)}}
    assert "at most 1572864 are kept" in refused(local, "POST", MAPS, 413, json=large)
    larger = {"metadata": {"name": "large"}, "data": {"k": "x" * (4 << 20)}}
    assert "limit is 3145728" in refused(local, "POST", MAPS, 413, json=larger)


@pytest.mark.case("S10", "thousands of unknown fields")
def test_not_every_unknown_field_is_told(local: Local) -> None:
    body = local.service("many")
    body["spec"] |= {f"unknown{number}": number for number in range(50_000)}
    assert len(refused(local, "POST", SERVICES, 422, json=body)) < 20_000


@pytest.mark.case("S12", '{"preconditions":[1]}')
@pytest.mark.parametrize("options", [{"preconditions": [1]}, {"preconditions": "x"}, [1], "x", 1])
def test_delete_options_of_another_shape_are_refused(local: Local, options: Any) -> None:
    refused(local, "DELETE", f"{MAPS}/a", 400, json=options)
    assert local.api("GET", f"{MAPS}/a").status_code == 200


@pytest.mark.case("S12", "watch&timeoutSeconds=abc")
@pytest.mark.parametrize("seconds", ["abc", "-1", "nan", "inf", "1.5", "\u0661", "9" * 400, " 1"])
def test_a_watch_of_no_time_is_refused(local: Local, seconds: str) -> None:
    refused(local, "GET", MAPS, 400, params={"watch": "true", "timeoutSeconds": seconds})


@pytest.mark.case("S12", "resourceVersion of other digits")
@pytest.mark.parametrize("version", ["\u00b2", "\u0661", "9" * 400, "-1", "x"])
def test_a_watch_from_a_version_that_is_none_says_that_it_is_gone(local: Local, version: str) -> None:
    answer = local.api("GET", MAPS, params={"watch": "1", "resourceVersion": version, "timeoutSeconds": "1"})
    assert json.loads(answer.text.splitlines()[0])["object"]["code"] == 410


@pytest.mark.case("S12", "bodies of another shape")
@pytest.mark.parametrize(
    "body",
    [None, 1, "x", [], [1], {}, {"metadata": 1}, {"metadata": {"name": []}}, {"metadata": {"name": {}}}],
)
def test_a_body_of_another_shape_is_refused(local: Local, body: Any) -> None:
    for method, path in (("POST", MAPS), ("PUT", f"{MAPS}/a")):
        answer = local.api(method, path, data=json.dumps(body), headers={"Content-Type": "application/json"})
        assert 400 <= answer.status_code < 500, answer.text


@pytest.mark.case("S12", "patches of another shape")
@pytest.mark.parametrize("kind", ["json-patch", "merge-patch", "strategic-merge-patch"])
@pytest.mark.parametrize(
    "patch",
    [
        1,
        "x",
        [1],
        [[]],
        [{}],
        [{"op": "copy", "from": 1, "path": "/a"}],
        [{"op": "add", "path": 1, "value": 1}],
        [{"op": "move", "from": "/data", "path": "/data/x"}],
        [{"op": "remove", "path": ""}],
        {"metadata": None},
        {"metadata": []},
        {"metadata": {"labels": {"$patch": 1}}},
        {"data": {"$deleteFromPrimitiveList/k": [1]}},
        {"spec": {"containers": [1]}},
        {"metadata": {"ownerReferences": [1, "x", None]}},
    ],
)
def test_a_patch_of_another_shape_is_no_failure(local: Local, kind: str, patch: Any) -> None:
    headers = {"Content-Type": f"application/{kind}+json"}
    answer = local.api("PATCH", f"{MAPS}/a", data=json.dumps(patch), headers=headers)
    assert answer.status_code < 500, answer.text
