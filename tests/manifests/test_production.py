"""What the production overlay promises, promise by promise."""

from __future__ import annotations

import pytest
from support.manifests import BY_COMPONENT, ROOT, Json, by_name, of_kind, pods, rendered

from eventing.catalogue import FROM_OUTSIDE
from functions.roll_out_model.deployer import ServedVersion
from functions.roll_out_model.knative_service import service_of
from functions.roll_out_model.settings import Settings

ONE_PROCESS = {"feature-server", "receive-objects", "ring-timers", "roll-out-model"}
AUDIENCE = "eventing.knative.dev/broker/kascade/default"


def objects() -> list[Json]:
    return rendered("overlays/production")


def model_pod() -> Json:
    """Return the pod of a model's server, as roll_out_model makes it when told what the overlay tells it."""
    maps = by_name(objects())
    told = {**maps["ConfigMap", "broker"]["data"], **maps["ConfigMap", "model-servers"]["data"]}
    serving = Settings.from_env({"DATABASE_URL": "sqlite:///x.db", **told}).serving
    service = service_of(ServedVersion("churn", 7, "s3://models/churn/7/model.onnx", "a" * 64), None, serving)
    template: Json = service["spec"]["template"]
    return template


def every_pod() -> dict[str, Json]:
    return {**pods(objects()), "a model's server": model_pod()}


def containers() -> dict[str, Json]:
    return {name: pod["spec"]["containers"][0] for name, pod in every_pod().items()}


def functions() -> dict[str, Json]:
    services = of_kind(objects(), "Service")
    return {each["metadata"]["name"]: each for each in services}


def scale(template: Json) -> tuple[int, int]:
    said = template["metadata"]["annotations"]
    return tuple(int(said[f"autoscaling.knative.dev/{end}-scale"]) for end in ("min", "max"))  # type: ignore[return-value]


def test_there_are_pods_of_all_kinds_to_check() -> None:
    assert {"ring-timers", "run-training", "upgrade-state-0-1-0", "a model's server"} <= every_pod().keys()
    functions = {path.parent.name for path in (ROOT / "functions").glob("*/__main__.py")} - {
        "state",
        "serve_model",
        *(name.replace("-", "_") for name in BY_COMPONENT),
    }
    assert len(every_pod()) == len(functions) + len(
        {"a model's server", "upgrade-state", "feature-server", "apply-features"}
    )


def test_every_container_has_requests_and_limits_and_no_limit_is_below_its_request() -> None:
    for name, container in containers().items():
        resources = container["resources"]
        assert set(resources["requests"]) == set(resources["limits"]) == {"cpu", "memory"}, name
        for what in ("cpu", "memory"):
            assert amount(resources["limits"][what]) > amount(resources["requests"][what]), name


def amount(quantity: str) -> float:
    units = {"Mi": 2**20, "Gi": 2**30, "m": 0.001}
    unit = next((each for each in units if quantity.endswith(each)), "")
    return float(quantity.removesuffix(unit)) * units.get(unit, 1)


def test_what_may_run_twice_does_and_what_may_not_does_not() -> None:
    for name, service in functions().items():
        low, high = scale(service["spec"]["template"])
        assert (low, high) == (1, 1) if name in ONE_PROCESS else (low == 2 and high >= 2), name
    assert scale(model_pod())[0] == 2


def test_a_budget_selects_the_pods_of_each_function_that_runs_twice_and_lets_a_node_be_drained() -> None:
    budgets = of_kind(objects(), "PodDisruptionBudget")
    selected = {
        name
        for budget in budgets
        for key, name in budget["spec"]["selector"].get("matchLabels", {}).items()
        if key == "serving.knative.dev/service"
    }
    assert selected - set(BY_COMPONENT) == functions().keys() - ONE_PROCESS
    assert all(budget["spec"]["maxUnavailable"] == 1 for budget in budgets)
    (models,) = [each for each in budgets if each["metadata"]["name"] == "models"]
    (expression,) = models["spec"]["selector"]["matchExpressions"]
    assert expression["operator"] == "Exists"
    assert expression["key"] in model_pod()["metadata"]["labels"]


def test_the_namespace_takes_restricted_pods_only() -> None:
    (namespace,) = of_kind(objects(), "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize("name", sorted(every_pod()))
def test_a_pod_passes_the_profile_restricted(name: str) -> None:
    """Field by field, as Kubernetes' Pod Security Standards list them."""
    pod = every_pod()[name]["spec"]
    for forbidden in ("hostNetwork", "hostPID", "hostIPC", "hostAliases", "initContainers"):
        assert forbidden not in pod
    for volume in pod["volumes"]:
        (kind,) = volume.keys() - {"name"}
        assert kind in {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "projected", "secret"}
    for container in pod["containers"]:
        security = container["securityContext"]
        assert not {"privileged", "procMount", "runAsUser", "seLinuxOptions"} & security.keys()
        assert security["allowPrivilegeEscalation"] is False
        assert security["runAsNonRoot"] is True
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert not any(port.get("hostPort") for port in container.get("ports", []))


def test_nothing_can_be_written_but_tmp() -> None:
    for name, pod in every_pod().items():
        (container,) = pod["spec"]["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True, name
        volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
        writable = [m for m in container["volumeMounts"] if "emptyDir" in volumes[m["name"]]]
        assert [mount["mountPath"] for mount in writable] == ["/tmp"], name
        rest = [mount for mount in container["volumeMounts"] if mount not in writable]
        assert all(mount["readOnly"] for mount in rest), name


def test_no_pod_has_a_token_for_the_api_server_but_what_changes_models_and_what_shows_them() -> None:
    accounts = {name: pod["spec"].get("serviceAccountName", "default") for name, pod in every_pod().items()}
    own = {"console", "roll-out-model"}
    assert {accounts.pop(name) for name in own} == own
    assert set(accounts.values()) == {"functions"}
    known = by_name(objects())
    assert known["ServiceAccount", "functions"]["automountServiceAccountToken"] is False
    bindings = of_kind(objects(), "RoleBinding")
    assert {subject["name"] for each in bindings for subject in each["subjects"]} == own


def test_whoever_sends_events_has_a_token_for_the_broker_where_it_is_told_to_look() -> None:
    file = by_name(objects())["ConfigMap", "broker"]["data"]["SINK_TOKEN_FILE"]
    for name, pod in every_pod().items():
        tokens = [volume for volume in pod["spec"]["volumes"] if "projected" in volume]
        if name.startswith("upgrade-state"):
            assert tokens == []
            continue
        (source,) = tokens[0]["projected"]["sources"]
        token = source["serviceAccountToken"]
        mounts = {mount["name"]: mount["mountPath"] for mount in pod["spec"]["containers"][0]["volumeMounts"]}
        assert f"{mounts[tokens[0]['name']]}/{token['path']}" == file, name
        assert token["audience"] == AUDIENCE, name


@pytest.mark.case("S13", "one read-only key for model servers")
def test_a_model_server_gets_its_own_key_of_the_store_and_no_other_secret() -> None:
    server = containers()["a model's server"]
    refs = [entry["valueFrom"]["secretKeyRef"] for entry in server["env"] if "valueFrom" in entry]
    assert {ref["name"] for ref in refs if ref["key"].startswith("AWS_")} == {"model-store"}
    assert not any("secretRef" in source for source in server["envFrom"])
    assert "WEBHOOK_TOKEN" not in {ref["key"] for ref in refs}


@pytest.mark.case("S13", "roll-out-model deletes no other Service than a model's")
def test_what_roll_out_model_may_touch_is_a_models_alone() -> None:
    known = by_name(objects())
    policy = known["ValidatingAdmissionPolicy", "kascade-model-services-only"]["spec"]
    binding = known["ValidatingAdmissionPolicyBinding", "kascade-model-services-only"]["spec"]
    assert binding["policyName"] == "kascade-model-services-only"
    assert binding["validationActions"] == ["Deny"]
    (condition,) = policy["matchConditions"]
    assert "system:serviceaccount:kascade:roll-out-model" in condition["expression"]
    checked = {
        (group, resource)
        for rule in policy["matchConstraints"]["resourceRules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    may = {
        pair
        for overlay in ("production", "kserve", "seldon", "seldon-v1")
        for pair in may_change(by_name(rendered(f"overlays/{overlay}"))["Role", "roll-out-model"])
    }
    assert may == checked, "whatever it may change is looked at, on each platform"


def may_change(role: Json) -> set[tuple[str, str]]:
    """Return what a Role lets its account make, change or delete, by group and resource."""
    return {
        (group, resource)
        for rule in role["rules"]
        if {"create", "patch", "delete"} & set(rule["verbs"])
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


def policy(name: str) -> Json:
    spec: Json = by_name(objects())["EventPolicy", name]["spec"]
    (target,) = spec["to"]
    assert target["ref"] == {"apiVersion": "eventing.knative.dev/v1", "kind": "Broker", "name": "default"}
    return spec


def test_the_broker_hears_our_own_accounts_and_what_answers_by_each_trigger() -> None:
    accounts = {
        account
        for entry in policy("functions")["from"]
        if not (account := entry["sub"].removeprefix("system:serviceaccount:kascade:")).startswith(
            BY_COMPONENT
        )
    }
    senders = {pod["spec"]["serviceAccountName"] for pod in every_pod().values()}
    triggers = {each["metadata"]["name"] for each in of_kind(objects(), "Trigger")}
    answering = {f"{trigger}-oidc-eventing.knative.dev-trigger" for trigger in triggers}
    assert accounts == senders | answering | {"shadow-*"}
    # Knative would cut a longer name, and put a digest into it.
    assert max(len(name) for name in answering) <= 63


def test_who_sends_from_outside_may_say_what_the_catalogue_leaves_to_them_alone() -> None:
    spec = policy("outside")
    assert spec["from"] == [{"sub": "system:serviceaccount:kascade:outside"}]
    assert ("ServiceAccount", "outside") in by_name(objects())
    (rule,) = spec["filters"]
    assert {entry["exact"]["type"] for entry in rule["any"]} == FROM_OUTSIDE


def test_the_secrets_that_are_read_come_from_a_store_by_name() -> None:
    wanted = {
        source["secretRef"]["name"]
        for container in containers().values()
        for source in container["envFrom"]
        if "secretRef" in source
    }
    model_server = containers()["a model's server"]
    wanted |= {
        entry["valueFrom"]["secretKeyRef"]["name"] for entry in model_server["env"] if "valueFrom" in entry
    } - {"tokens"}
    made = {each["spec"]["target"]["name"]: each["spec"] for each in of_kind(objects(), "ExternalSecret")}
    assert made.keys() == wanted == {"state", "object-store", "model-store"}
    assert [entry["secretKey"] for entry in made["state"]["data"]] == ["DATABASE_URL"]
    keys = {entry["secretKey"] for entry in made["object-store"]["data"]}
    assert keys == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "WEBHOOK_TOKEN"}
    keys = {entry["secretKey"] for entry in made["model-store"]["data"]}
    assert keys == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    assert {spec["secretStoreRef"]["name"] for spec in made.values()} == {"kascade"}
