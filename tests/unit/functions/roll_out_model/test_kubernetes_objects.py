"""Tests of what the API's answers mean: what is waited for, and what is refused for good."""

from __future__ import annotations

import json
from typing import Any

import pytest
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import ReadTimeoutError

from functions.roll_out_model.deployer import DeployerError, Refused, Unavailable
from functions.roll_out_model.kubernetes_objects import (
    Changed,
    KubernetesObjects,
    NotServed,
    OwnedElsewhere,
    Resource,
)

THINGS = Resource("example.com", "v1", "things")


class Answering:
    """An API whose every call ends so."""

    def __init__(self, end: Exception | Any) -> None:
        self._end = end

    def __getattr__(self, name: str) -> Any:
        def call(**_: Any) -> Any:
            if isinstance(self._end, Exception):
                raise self._end
            return self._end

        return call


def refused(code: int, message: str, **details: str) -> ApiException:
    error = ApiException(status=code, reason="said")
    error.body = json.dumps({"kind": "Status", "message": message, "details": details})
    return error


def page(code: int) -> ApiException:
    error = ApiException(status=code, reason="said")
    error.body = "404 page not found\n"
    return error


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (refused(401, "Unauthorized"), Unavailable, "the token of this function is not accepted"),
        (refused(403, 'User "x" cannot patch resource "y"'), Unavailable, "its Role must allow this"),
        (refused(403, 'admission webhook "v" denied the request: no'), Refused, "denied the request: no"),
        (refused(403, "exceeded quota: pods"), Refused, "exceeded quota"),
        (page(404), NotServed, "things.example.com cannot be used here: is its platform installed"),
        (refused(404, "no", name="nowhere", kind="namespaces"), Refused, "404"),
        (refused(409, "the object has been modified"), Changed, "modified"),
        (refused(409, 'conflict with "ann": .spec.x'), OwnedElsewhere, 'conflict with "ann": .spec.x'),
        (refused(422, "spec.x: Invalid"), Refused, "spec.x"),
        (refused(400, "cannot unmarshal"), Refused, "cannot unmarshal"),
        (refused(429, "too many"), Unavailable, "429"),
        (refused(500, "failed calling webhook"), Unavailable, "failed calling webhook"),
        (ApiException(status=0, reason="broken"), Unavailable, "broken"),
        (ReadTimeoutError(None, "/", "timed out"), Unavailable, "cannot be reached: .*timed out"),  # type: ignore[arg-type]
        (ConnectionRefusedError("refused"), Unavailable, "cannot be reached"),
        ("<html>log in</html>", Unavailable, "no object: <html>"),
    ],
)
def test_an_answer_is_waited_for_or_refused_in_its_own_words(
    answer: Any, kind: type[DeployerError], said: str
) -> None:
    objects = KubernetesObjects(Answering(answer), "kascade")  # type: ignore[arg-type]

    with pytest.raises(kind, match=said):
        objects.create(THINGS, {"metadata": {"name": "x"}})


def test_an_object_that_is_not_there_is_none_and_a_kind_that_is_not_there_is_no_answer() -> None:
    missing = KubernetesObjects(Answering(refused(404, "no", name="x")), "kascade")  # type: ignore[arg-type]
    assert missing.get(THINGS, "x") is None
    missing.delete(THINGS, "x")
    with pytest.raises(Unavailable, match="x of things has just been deleted"):
        missing.patch(THINGS, "x", {})

    with pytest.raises(NotServed):
        KubernetesObjects(Answering(page(404)), "kascade").get(THINGS, "x")  # type: ignore[arg-type]


def test_a_token_is_read_anew_once_and_what_cannot_be_opened_is_waited_for() -> None:
    refusing, serving = Answering(refused(401, "Unauthorized")), Answering({"metadata": {}})
    renewed = KubernetesObjects(refusing, "kascade", reopen=lambda: serving)  # type: ignore[arg-type, return-value]
    assert renewed.get(THINGS, "x") == {"metadata": {}}

    def gone() -> Any:
        raise FileNotFoundError("token")

    with pytest.raises(Unavailable, match="the API cannot be opened"):
        KubernetesObjects(refusing, "kascade", reopen=gone).get(THINGS, "x")  # type: ignore[arg-type]
