"""Who may speak to whom in production: each policy selects pods that exist, and each need is met by one."""

from __future__ import annotations

import pytest
from support.manifests import BY_COMPONENT, Json, of_kind, pods, rendered

pytestmark = pytest.mark.slow

SERVICE = "serving.knative.dev/service"


def labels() -> dict[str, dict[str, str]]:
    """Return the labels of each pod: Knative adds the Service's name, and roll_out_model the model's."""
    objects = rendered("overlays/production")
    services = {each["metadata"]["name"] for each in of_kind(objects, "Service")}
    found = {
        name: {**pod.get("metadata", {}).get("labels", {}), **({SERVICE: name} if name in services else {})}
        for name, pod in pods(objects).items()
    }
    return {**found, "a model's server": {SERVICE: "churn", "kascade.dev/model": "churn"}}


def selects(selector: Json, of: dict[str, str]) -> bool:
    exact = all(of.get(key) == value for key, value in selector.get("matchLabels", {}).items())
    return exact and all(
        rule["key"] in of and (rule["operator"] == "Exists" or of[rule["key"]] in rule["values"])
        for rule in selector.get("matchExpressions", [])
    )


def policies() -> dict[str, Json]:
    found = of_kind(rendered("overlays/production"), "NetworkPolicy")
    return {each["metadata"]["name"]: each["spec"] for each in found}


def reached(*ports: int) -> set[str]:
    """Return the pods that may speak to any of these TCP ports somewhere."""
    return {
        name
        for spec in policies().values()
        for rule in spec.get("egress", [])
        for name, of in labels().items()
        if selects(spec["podSelector"], of)
        and any(port["port"] in ports and port["protocol"] == "TCP" for port in rule["ports"])
    }


def reading(secret: str) -> set[str]:
    found = {
        name
        for name, pod in pods(rendered("overlays/production")).items()
        if {"secretRef": {"name": secret}} in pod["spec"]["containers"][0]["envFrom"]
    }
    return found | ({"a model's server"} if secret == "object-store" else set())


def test_nothing_is_heard_and_nothing_said_unless_a_policy_allows_it() -> None:
    deny = policies()["default-deny"]
    assert (deny["podSelector"], deny["policyTypes"]) == ({}, ["Ingress", "Egress"])
    assert "ingress" not in deny
    (names,) = deny["egress"]
    assert {port["port"] for port in names["ports"]} == {53}


def test_every_policy_selects_pods_that_exist_and_every_name_it_lists_is_one() -> None:
    for name, spec in policies().items():
        assert any(selects(spec["podSelector"], of) for of in labels().values()), name
        for rule in spec["podSelector"].get("matchExpressions", []):
            assert set(rule.get("values", [])) <= labels().keys() | set(BY_COMPONENT), name


def test_functions_and_models_are_heard_by_way_of_knative_alone_and_never_past_queue_proxy() -> None:
    allowing = {name: spec for name, spec in policies().items() if spec.get("ingress")}
    assert allowing.keys() == {"from-knative"}
    (rule,) = allowing["from-knative"]["ingress"]
    (peer,) = rule["from"]
    (namespaces,) = peer["namespaceSelector"]["matchExpressions"]
    assert set(namespaces["values"]) == {"knative-serving", "kourier-system", "knative-eventing"}
    assert 8080 not in {port["port"] for port in rule["ports"]}
    heard = {name for name, of in labels().items() if selects(allowing["from-knative"]["podSelector"], of)}
    assert labels().keys() - heard == {"apply-features", "run-training", "score-batch", "upgrade-state-0-1-0"}


def test_the_database_is_reached_by_whoever_reads_its_url() -> None:
    assert reached(5432) == reading("state")


def test_the_object_store_is_reached_by_whoever_reads_its_keys() -> None:
    assert reached(9000) == reading("object-store")
    assert reached(443) == reading("object-store") | {"console", "roll-out-model"}


def test_the_broker_is_reached_by_whoever_sends_events() -> None:
    assert reached(8080) == labels().keys() - {"upgrade-state-0-1-0"}


def test_the_api_server_is_reached_by_what_changes_models_and_what_shows_them_alone() -> None:
    assert reached(6443) == {"console", "roll-out-model"}


def test_other_functions_are_asked_by_the_console_and_the_feature_server_by_who_needs_features() -> None:
    assert reached(8081) == {"console", "materialize-features", "a model's server"}


def test_what_is_outside_at_443_is_neither_in_a_private_network_nor_a_clouds_metadata() -> None:
    for name, spec in policies().items():
        for rule in spec.get("egress", []):
            if name != "to-api-server" and any(port["port"] == 443 for port in rule["ports"]):
                (peer,) = rule["to"]
                assert {"10.0.0.0/8", "169.254.0.0/16"} <= set(peer["ipBlock"]["except"]), name
