"""Patches: JSON patches, merge patches and strategic merge patches."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knative.local.manifests.patching import PatchFailed, json_patch, merge, strategic_merge

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


OBJECTS = st.dictionaries(st.text(max_size=3), JSON, max_size=4)


@settings(max_examples=60, deadline=None)
@given(target=JSON, patch=JSON)
def test_a_merge_patch_applied_twice_equals_once(target: Any, patch: Any) -> None:
    once = merge(target, patch)
    assert merge(once, patch) == once
    if isinstance(patch, dict):
        assert not any(key in once for key, value in patch.items() if value is None)


@settings(max_examples=60, deadline=None)
@given(body=OBJECTS, key=st.text(max_size=4), value=JSON)
def test_what_a_json_patch_adds_it_can_test_copy_and_remove(
    body: dict[str, Any], key: str, value: Any
) -> None:
    path = "/" + key.replace("~", "~0").replace("/", "~1")
    added = json_patch(
        body, [{"op": "add", "path": path, "value": value}, {"op": "test", "path": path, "value": value}]
    )
    assert added == {**body, key: value}
    removed = json_patch(added, [{"op": "remove", "path": path}])
    assert removed == {name: item for name, item in body.items() if name != key}


def test_json_patch_works_on_lists_and_refuses_what_does_not_fit() -> None:
    body = {"a": [1, 2]}
    assert json_patch(body, [{"op": "add", "path": "/a/1", "value": 9}]) == {"a": [1, 9, 2]}
    assert json_patch(body, [{"op": "add", "path": "/a/-", "value": 9}]) == {"a": [1, 2, 9]}
    assert json_patch(body, [{"op": "move", "from": "/a/0", "path": "/b"}]) == {"a": [2], "b": 1}
    assert json_patch(body, [{"op": "copy", "from": "/a", "path": "/b"}]) == {"a": [1, 2], "b": [1, 2]}
    assert json_patch(body, [{"op": "replace", "path": "", "value": 1}]) == 1
    bad: list[dict[str, Any]] = [
        {"op": "replace", "path": "/b", "value": 1},
        {"op": "remove", "path": "/a/7"},
        {"op": "add", "path": "/a/x", "value": 1},
        {"op": "add", "path": "a", "value": 1},
        {"op": "add", "path": "/a"},
        {"op": "test", "path": "/a", "value": 1},
        {"op": "turn", "path": "/a"},
        {"path": 1},
    ]
    for operation in bad:
        with pytest.raises(PatchFailed):
            json_patch(body, [operation])
    assert body == {"a": [1, 2]}


def test_a_json_patch_that_does_not_fit_does_not_tell_the_whole_object() -> None:
    with pytest.raises(PatchFailed, match=r"^test /data/b: member 'b' not found$"):
        json_patch({"data": {"a": "secret"}}, [{"op": "test", "path": "/data/b", "value": 1}])


def test_a_patch_used_twice_is_not_changed_by_what_it_made() -> None:
    patch = [{"op": "add", "path": "/a", "value": {}}, {"op": "add", "path": "/a/b", "value": 1}]
    assert json_patch({}, patch) == json_patch({}, patch) == {"a": {"b": 1}}
    assert patch[0]["value"] == {}


def test_a_strategic_merge_knows_its_directives() -> None:
    job = {
        "apiVersion": "batch/v1",
        "spec": {"containers": [{"name": "a", "x": 1}, {"name": "b"}], "list": [1, 2]},
    }
    patch = {
        "spec": {
            "$setElementOrder/containers": [{"name": "b"}],
            "containers": [{"name": "a", "$patch": "delete"}, {"name": "b", "y": 2}],
            "$deleteFromPrimitiveList/list": [1],
        }
    }
    assert strategic_merge(job, patch)["spec"] == {"containers": [{"name": "b", "y": 2}], "list": [2]}
    assert strategic_merge(job, {"spec": {"$patch": "replace", "z": 1}})["spec"] == {"z": 1}
