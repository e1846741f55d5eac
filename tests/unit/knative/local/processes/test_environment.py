"""The variables and arguments of a container's process."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from knative.local.errors import CannotStart
from knative.local.processes.environment import container_environment, expand_arguments, inherited
from knative.local.resources.journal import Journal
from knative.local.resources.kinds import CONFIG_MAP, SECRET
from knative.local.resources.objects import Key
from knative.local.resources.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Any:
    journal = Journal(tmp_path / "objects.db")
    yield Store(journal)
    journal.close()


def test_variables_come_from_maps_secrets_fields_and_each_other(store: Store) -> None:
    store.create(Key(CONFIG_MAP, "ns", "m"), {"metadata": {"name": "m"}, "data": {"A": "1", "B": "2"}})
    store.create(
        Key(SECRET, "ns", "s"), {"metadata": {"name": "s"}, "data": {"K": base64.b64encode(b"v").decode()}}
    )
    container: dict[str, Any] = {
        "envFrom": [
            {"configMapRef": {"name": "m"}},
            {"secretRef": {"name": "s"}, "prefix": "S_"},
            {"configMapRef": {"name": "no", "optional": True}},
        ],
        "env": [
            {"name": "A", "value": "$(B)-$(UNKNOWN)-$$(B)"},
            {"name": "K", "valueFrom": {"secretKeyRef": {"name": "s", "key": "K"}}},
            {"name": "M", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "B"}}},
            {"name": "N", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "no", "optional": True}}},
            {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "EMPTY"},
        ],
    }
    values = container_environment(container, "ns", "me", store)
    assert values == {
        "A": "2-$(UNKNOWN)-$(B)",
        "B": "2",
        "S_K": "v",
        "K": "v",
        "M": "2",
        "NAME": "me",
        "EMPTY": "",
    }
    assert expand_arguments(("--k=$(K)", "$(NO)"), values) == ("--k=v", "$(NO)")
    for missing in (
        {"envFrom": [{"secretRef": {"name": "no"}}]},
        {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "no"}}}]},
    ):
        with pytest.raises(CannotStart):
            container_environment(missing, "ns", "me", store)


def test_a_process_inherits_paths_and_locale_but_no_secrets() -> None:
    environ = {"PATH": "/bin", "HOME": "/h", "AWS_SECRET_ACCESS_KEY": "x", "KASCADE_THREADS": "2"}
    assert inherited(environ) == {"PATH": "/bin", "HOME": "/h", "KASCADE_THREADS": "2"}
