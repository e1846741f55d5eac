"""Which kinds of objects are taken, and in which version."""

from __future__ import annotations

from pathlib import Path

import pytest

from knative.local.resources.accepted import accepted_list
from knative.local.resources.kinds import problems_of


def test_the_documented_list_is_the_list_in_the_code() -> None:
    page = Path(__file__).parents[5] / "docs" / "local-runtime.md"
    assert accepted_list() in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_kinds_that_cannot_run_here_are_refused(kind: str) -> None:
    problems = problems_of({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "a"}})
    assert "cannot run a apps/v1" in problems[0].message


def test_a_wrong_version_is_told_the_right_one() -> None:
    problems = problems_of({"apiVersion": "serving.knative.dev/v1beta1", "kind": "Service"})
    assert "did you mean serving.knative.dev/v1 Service?" in problems[0].message


def test_revisions_are_not_written_by_users() -> None:
    body = {"apiVersion": "serving.knative.dev/v1", "kind": "Revision", "metadata": {"name": "a"}}
    assert "write the Service instead" in problems_of(body)[0].message


@pytest.mark.parametrize(
    "kind",
    [
        ("policy/v1", "PodDisruptionBudget"),
        ("networking.k8s.io/v1", "NetworkPolicy"),
        ("eventing.knative.dev/v1alpha1", "EventPolicy"),
    ],
)
def test_policies_of_a_cluster_are_accepted(kind: tuple[str, str]) -> None:
    body = {"apiVersion": kind[0], "kind": kind[1], "metadata": {"name": "a"}, "spec": {"any": "thing"}}
    assert problems_of(body) == []
