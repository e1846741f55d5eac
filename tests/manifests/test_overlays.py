"""An overlay differs from the base in what it says, and in nothing else."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
import yaml
from support.manifests import OVERLAYS, ROOT, by_name, differences, of_kind, rendered

from functions.launch_training.engines import AirflowSettings, EngineSettings, KubeflowSettings
from functions.launch_training.settings import Settings
from functions.notify_people.occasions import OCCASIONS
from functions.roll_out_model.deployer import ServedVersion
from functions.roll_out_model.knative_service import ServingOptions, template_of
from functions.roll_out_model.kserve_service import OWN_RUNTIME
from functions.roll_out_model.settings import Settings as RolloutSettings
from knative.local.resources.kinds import problems_of
from pipelines.components.image import IMAGE

CLASSES = {
    "minimal": ("MTChannelBasedBroker", "broker-channel", "broker-ingress.knative-eventing", "120"),
    "kafka": ("Kafka", "kafka-broker-config", "kafka-broker-ingress.knative-eventing", "10"),
    "rabbitmq": ("RabbitMQBroker", "rabbitmq-broker-config", "default-broker-ingress.kascade", "10"),
    "production": ("Kafka", "kafka-broker-config", "kafka-broker-ingress.knative-eventing", "10"),
}


def changed(overlay: str) -> dict[tuple[str, str], set[str]]:
    """Return what an overlay changes, by object; what it adds is the path of nothing."""
    base, after = by_name(rendered("base")), by_name(rendered(f"overlays/{overlay}"))
    assert base.keys() <= after.keys(), "an overlay takes nothing away"
    found = {key: set(differences(base.get(key), body)) for key, body in after.items()}
    return {key: paths for key, paths in found.items() if paths}


def test_every_overlay_and_every_component_is_known_here() -> None:
    folders = {path.parent.name for path in (ROOT / "knative" / "overlays").glob("*/kustomization.yaml")}
    assert folders == set(OVERLAYS)
    used = {
        path.rpartition("/")[2]
        for file in (ROOT / "knative" / "overlays").glob("*/kustomization.yaml")
        for path in yaml.safe_load(file.read_text()).get("components", [])
    }
    assert used == {path.parent.name for path in (ROOT / "knative" / "components").glob("*/*ization.yaml")}


@pytest.mark.parametrize("overlay", ["kafka", "rabbitmq", "minimal"])
def test_an_overlay_of_a_broker_class_changes_the_broker_and_its_address_alone(overlay: str) -> None:
    config = CLASSES[overlay][1]
    found = changed(overlay)
    assert found.pop(("Broker", "default")) == {"metadata.annotations", "spec.config"}
    address = {"data.K_SINK", "data.SINK_TIMEOUT_S"}
    assert found.pop(("ConfigMap", "broker"), address) == address
    assert [name for _, name in found] == [config], "what is added is the class's own configuration"


@pytest.mark.parametrize("overlay", CLASSES)
def test_events_are_sent_to_the_ingress_of_the_brokers_class_and_namespace(overlay: str) -> None:
    class_, config, host, timeout_s = CLASSES[overlay]
    objects = by_name(rendered(f"overlays/{overlay}"))
    broker, told = objects["Broker", "default"], objects["ConfigMap", "broker"]["data"]

    assert broker["metadata"]["annotations"] == {"eventing.knative.dev/broker.class": class_}
    ref = broker["spec"]["config"]
    assert (ref["name"], ref["namespace"]) == (config, broker["metadata"]["namespace"])
    assert objects[ref["kind"], config]["apiVersion"] == ref["apiVersion"]
    sink = urlsplit(told["K_SINK"])
    assert sink.netloc == f"{host}.svc.cluster.local"
    shared = host.endswith(".knative-eventing")
    assert sink.path == ("/kascade/default" if shared else ""), "an ingress for all Brokers is told which"
    assert told["SINK_TIMEOUT_S"] == timeout_s


def test_the_channels_of_the_minimal_overlay_are_in_memory_and_lose_nothing_that_they_acknowledged() -> None:
    channel = by_name(rendered("overlays/minimal"))["ConfigMap", "broker-channel"]
    template = yaml.safe_load(channel["data"]["channel-template-spec"])
    assert template == {"apiVersion": "messaging.knative.dev/v1", "kind": "InMemoryChannel"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_everything_is_in_one_namespace_and_no_secret_in_a_manifest(overlay: str) -> None:
    objects = rendered(f"overlays/{overlay}")
    of_cluster = {"Namespace", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}
    outside = {each["metadata"].get("namespace") for each in objects if each["kind"] not in of_cluster}
    assert outside == {"kascade"}
    assert of_kind(objects, "Secret") == []


@pytest.mark.parametrize("engine", ["kubeflow", "airflow"])
def test_the_overlay_of_an_engine_puts_launch_training_in_the_place_of_run_training(engine: str) -> None:
    base, after = by_name(rendered("base")), by_name(rendered(f"overlays/{engine}"))

    assert base.keys() - after.keys() == {("Trigger", "run-training"), ("JobSink", "run-training")}
    assert after.keys() - base.keys() == {
        ("ConfigMap", "training-engine"),
        ("Service", "launch-training"),
        ("Trigger", "launch-training"),
        ("Trigger", "launch-training-timers"),
    }
    governor = after["Service", "govern-training"]["spec"]["template"]["spec"]["containers"][0]
    assert governor.pop("env") == [{"name": "RUN_START_S", "value": "4200"}]
    assert all(after[key] == base[key] for key in base.keys() & after.keys())


def test_the_overlay_of_mlflow_adds_what_logs_to_it_and_nothing_else() -> None:
    base, after = by_name(rendered("base")), by_name(rendered("overlays/mlflow"))

    assert after.keys() - base.keys() == {("Service", "log-experiments"), ("Trigger", "log-experiments")}
    assert all(after[key] == base[key] for key in base)
    (container,) = after["Service", "log-experiments"]["spec"]["template"]["spec"]["containers"]
    assert {"secretRef": {"name": "mlflow"}} in container["envFrom"]


def test_the_overlay_of_notifications_adds_who_tells_people_and_nothing_else() -> None:
    base, after = by_name(rendered("base")), by_name(rendered("overlays/notify"))

    assert after.keys() - base.keys() == {("Service", "notify-people"), ("Trigger", "notify-people")}
    assert all(after[key] == base[key] for key in base)
    filters = after["Trigger", "notify-people"]["spec"]["filters"][0]["any"]
    assert sorted(each["exact"]["type"] for each in filters) == sorted({o.payload.type for o in OCCASIONS})


def settings_of(engine: str) -> EngineSettings:
    """Return what launch_training reads from what an overlay says."""
    objects = by_name(rendered(f"overlays/{engine}"))
    (container,) = objects["Service", "launch-training"]["spec"]["template"]["spec"]["containers"]
    assert {"configMapRef": {"name": "training-engine"}} in container["envFrom"]
    mounted = {each["name"]: each["value"] for each in container["env"]}
    (mount,) = container["volumeMounts"]
    assert all(path.startswith(mount["mountPath"] + "/") for path in mounted.values())
    said = objects["ConfigMap", "training-engine"]["data"]
    return Settings.from_env({**said, **mounted, "DATABASE_URL": "sqlite://"}).engine


def test_what_the_overlay_of_kubeflow_says_is_what_launch_training_reads() -> None:
    settings = settings_of("kubeflow")

    assert isinstance(settings, KubeflowSettings)
    assert settings.connection.token_file == "/var/run/secrets/kubeflow/token"
    broker = by_name(rendered("overlays/kubeflow"))["ConfigMap", "broker"]["data"]
    assert set(settings.surroundings.config_maps["broker"]) <= broker.keys()
    assert settings.surroundings.image == IMAGE


def test_what_the_overlay_of_airflow_says_is_what_launch_training_reads() -> None:
    settings = settings_of("airflow")

    assert isinstance(settings, AirflowSettings)
    assert settings.connection.password_file == "/var/run/secrets/airflow/password"


@pytest.mark.parametrize(
    ("overlay", "function"),
    [("kubeflow", "launch-training"), ("mlflow", "log-experiments"), ("notify", "notify-people")],
)
def test_a_function_of_a_component_is_guarded_like_those_of_the_base(overlay: str, function: str) -> None:
    objects = by_name(rendered(f"overlays/{overlay}"))
    ours, other = objects["Service", function], objects["Service", "govern-training"]

    assert ours["metadata"]["labels"] == other["metadata"]["labels"]
    pods = [each["spec"]["template"]["spec"] for each in (ours, other)]
    assert pods[0]["enableServiceLinks"] is pods[1]["enableServiceLinks"] is False
    assert pods[0]["containers"][0]["securityContext"] == pods[1]["containers"][0]["securityContext"]


def test_the_overlay_of_kserve_adds_a_runtime_and_an_account_and_changes_two_objects() -> None:
    assert changed("kserve") == {
        ("ServiceAccount", "model-store"): {""},
        ("ServingRuntime", "kascade-onnx"): {""},
        ("ConfigMap", "model-servers"): {
            "data.DEPLOY_TARGET",
            "data.KSERVE_RUNTIME",
            "data.KSERVE_SERVICE_ACCOUNT",
        },
        ("Role", "roll-out-model"): {
            *("rules[0].apiGroups[0]", "rules[0].resources[0]", "rules[0].verbs"),
            "rules[1].verbs",
        },
    }


def test_what_the_overlay_of_kserve_says_is_what_roll_out_model_reads() -> None:
    objects = by_name(rendered("overlays/kserve"))
    said = objects["ConfigMap", "model-servers"]["data"]

    settings = RolloutSettings.from_env({**said, "DATABASE_URL": "sqlite://"})

    assert settings.deploy_target == "kserve"
    assert ("ServingRuntime", settings.kserve.runtime) in objects
    account = objects["ServiceAccount", settings.kserve.service_account]
    assert account["secrets"] == [{"name": "model-store"}]
    assert account["automountServiceAccountToken"] is False


def test_under_kserve_roll_out_model_may_do_what_its_deployer_does_and_no_more() -> None:
    rules = by_name(rendered("overlays/kserve"))["Role", "roll-out-model"]["rules"]

    assert {(*rule["apiGroups"], *rule["resources"]): rule["verbs"] for rule in rules} == {
        ("serving.kserve.io", "inferenceservices"): ["get", "create", "patch", "delete"],
        ("serving.knative.dev", "revisions"): ["get", "list"],
        ("eventing.knative.dev", "triggers"): ["get", "create", "patch", "delete"],
    }


def test_the_runtime_of_kserve_runs_our_server_as_knative_would_and_has_only_published_fields() -> None:
    runtime = by_name(rendered("overlays/kserve"))["ServingRuntime", OWN_RUNTIME]
    version = ServedVersion("churn", 1, "s3://models/x", "0" * 64)
    (ours,) = template_of(version, ServingOptions())["spec"]["containers"]

    assert problems_of(runtime) == []
    assert runtime["spec"]["supportedModelFormats"] == [{"name": "onnx", "version": "1", "autoSelect": False}]
    assert runtime["spec"]["protocolVersions"] == ["v1", "v2"]
    (container,) = runtime["spec"]["containers"]
    assert container["name"] == "kserve-container"
    assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"
    same = ("image", "envFrom", "readinessProbe", "resources", "securityContext")
    assert {key: container[key] for key in same} == {key: ours[key] for key in same}
    (tokens,) = container["env"]
    assert tokens in ours["env"]
