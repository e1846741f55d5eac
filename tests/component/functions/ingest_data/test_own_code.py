"""Training code is dropped beside its model.yaml: in any order, changed, broken, and where none may run."""

from __future__ import annotations

from typing import Any

import pytest

from eventing.catalogue import DatasetUnchanged, SpecRegistered, SpecRejected
from eventing.testing import handle
from functions.state.database import transaction
from functions.state.specs import current_spec

Ingesting = Any
SPEC = "target: y\ntrain: {code: train.py, requirements: requirements.txt}\n"
CODE = "def fit(frame, target, params, seed):\n    return b''\n"


@pytest.fixture
def allowing(world: Ingesting) -> Ingesting:
    """The function where code may run."""
    world.app = world.rebuild(allow_code=True)
    return world


def digest_in_force(world: Ingesting, model: str = "churn") -> str:
    with transaction(world.sessions, read_only=True) as session:
        found = current_spec(session, model)
        assert found is not None
        return found.digest


@pytest.mark.parametrize("key", ["code: train.py", "pipeline: s3://raw/churn/pipeline.yaml"])
def test_where_code_may_not_run_a_model_yaml_that_names_some_is_refused_when_it_is_dropped(
    world: Ingesting, key: str
) -> None:
    world.drop("churn/train.py", CODE)
    refused = world.drop_one("churn/model.yaml", f"target: y\ntrain: {{{key}}}\n")
    assert refused.type == SpecRejected.type
    (problem,) = refused.data["problems"]
    assert problem["where"].endswith("(line 2, column 9)")
    assert "runs no code" in problem["problem"]
    assert "--allow-code" in problem["fix"]
    assert "ALLOW_CODE" in problem["fix"]


def test_the_model_yaml_that_comes_last_is_registered_with_copies_of_the_code(allowing: Ingesting) -> None:
    assert allowing.drop("churn/train.py", CODE) == []
    assert allowing.drop("churn/requirements.txt", "pandas\n") == []
    assert {event.data["reason"] for event in allowing.unchanged} == {"code"}
    registered = SpecRegistered.model_validate(allowing.drop_one("churn/model.yaml", SPEC).data)
    assert registered.code is not None
    assert registered.code.requirements is not None
    for claim, content in ((registered.code.train, CODE), (registered.code.requirements, "pandas\n")):
        assert claim.uri.startswith("s3://models/churn/code/")
        assert allowing.store.get(claim.uri, claim.sha256) == content.encode()


def test_the_code_that_comes_last_has_the_model_yaml_taken_in(allowing: Ingesting) -> None:
    refused = allowing.drop_one("churn/model.yaml", SPEC)
    assert refused.type == SpecRejected.type
    assert [problem["problem"] for problem in refused.data["problems"]] == [
        "s3://raw/churn/train.py is not there",
        "s3://raw/churn/requirements.txt is not there",
    ]
    assert "need not be dropped again" in refused.data["problems"][0]["fix"]
    still = allowing.drop_one("churn/train.py", CODE)
    assert (still.type, still.data["key"]) == (SpecRejected.type, "churn/train.py")
    assert allowing.drop_one("churn/requirements.txt", "pandas\n").type == SpecRegistered.type


def test_code_that_changes_is_another_configuration_and_the_same_again_is_none(allowing: Ingesting) -> None:
    spec = "target: y\ntrain: {code: train.py}\n"
    allowing.drop("churn/train.py", CODE)
    allowing.drop("churn/model.yaml", spec)
    first = digest_in_force(allowing)
    assert allowing.drop_one("churn/train.py", CODE + "\n# better\n").type == SpecRegistered.type
    second = digest_in_force(allowing)
    assert second != first
    assert allowing.drop("churn/train.py", CODE + "\n# better\n") == []
    assert allowing.unchanged[-1].data["reason"] == "known_spec"
    assert allowing.drop_one("churn/train.py", CODE).type == SpecRegistered.type
    assert digest_in_force(allowing) == first


def test_code_from_elsewhere_is_read_when_the_model_yaml_is_dropped(allowing: Ingesting) -> None:
    spec = "target: y\ntrain: {code: s3://models/shared/train.py}\n"
    assert "is not there" in allowing.drop_one("churn/model.yaml", spec).data["problems"][0]["problem"]
    allowing.store.put("s3://models/shared/train.py", CODE.encode())
    assert allowing.drop_one("churn/model.yaml", spec).type == SpecRegistered.type
    first = digest_in_force(allowing)
    allowing.store.put("s3://models/shared/train.py", CODE.encode() + b"# new\n")
    assert allowing.drop_one("churn/model.yaml", spec).type == SpecRegistered.type
    assert digest_in_force(allowing) != first


def test_code_that_is_no_python_is_refused_with_its_line_and_what_was_in_force_stays(
    allowing: Ingesting,
) -> None:
    spec = "target: y\ntrain: {code: train.py}\n"
    allowing.drop("churn/train.py", CODE)
    allowing.drop("churn/model.yaml", spec)
    before = digest_in_force(allowing)
    refused = allowing.drop_one("churn/train.py", "def fit(frame, target, params, seed)\n    pass\n")
    assert refused.data["problems"][0]["problem"].startswith("train.py, line 1: SyntaxError: ")
    assert digest_in_force(allowing) == before


def test_files_that_the_model_yaml_does_not_name_are_no_data_and_change_nothing(allowing: Ingesting) -> None:
    allowing.drop("churn/model.yaml", "target: y\n")
    for name in ("train.py", "requirements.txt", "requirements-gpu.txt"):
        assert allowing.drop(f"churn/{name}", "pandas\n") == []
        assert allowing.unchanged[-1].data["reason"] == "ignored"
        assert "names another file" in allowing.unchanged[-1].data["message"]


def test_a_model_yaml_that_overtakes_another_while_that_is_read_is_not_undone(allowing: Ingesting) -> None:
    spec = "target: y\ntrain: {code: train.py}\n"
    allowing.drop("churn/train.py", CODE)
    allowing.drop("churn/model.yaml", spec)
    slow = allowing.put("churn/train.py", CODE + "# old\n")
    opened, overtaken = allowing.store.open, []

    class Slow:
        """The store, where a newer train.py is registered as soon as the older one has been read."""

        def __getattr__(self, name: str) -> Any:
            return getattr(allowing.store, name)

        def open(self, uri: str, etag: str | None = None) -> Any:
            stream = opened(uri, etag)
            if uri.endswith("train.py") and not overtaken:
                overtaken.append(uri)
                assert allowing.drop_one("churn/train.py", CODE + "# new\n").type == SpecRegistered.type
            return stream

    app = allowing.rebuild(store=Slow(), allow_code=True)
    reply = handle(app, slow)
    assert reply is not None
    assert (reply.type, reply.data["reason"]) == (DatasetUnchanged.type, "known_spec")
    with transaction(allowing.sessions, read_only=True) as session:
        found = current_spec(session, "churn")
        assert found is not None
        code = found.own_code
    assert code is not None
    assert allowing.store.get(code.train.uri).endswith(b"# new\n")
