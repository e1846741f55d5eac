"""Objects of operators that are on no test cluster, held against the fields of their published CRDs."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from support.manifests import of_kind, rendered


def closed(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    """Return the schema of an object of these fields and no other, as strict validation reads a CRD."""
    return {
        "type": "object",
        "required": list(required),
        "properties": properties,
        "additionalProperties": False,
    }


TEXT = {"type": "string"}
# external-secrets.io/v1, ExternalSecret: config/crds/bases of external-secrets/external-secrets.
EXTERNAL_SECRET = closed(
    refreshInterval={"type": "string", "pattern": r"^(\d+(ns|us|ms|s|m|h))+$"},
    secretStoreRef=closed(
        name={"type": "string", "minLength": 1, "maxLength": 253},
        kind={"enum": ["SecretStore", "ClusterSecretStore"]},
    ),
    target=closed(
        name={"type": "string", "minLength": 1, "maxLength": 253},
        creationPolicy={"enum": ["Owner", "Orphan", "Merge", "None"]},
    ),
    data={
        "type": "array",
        "items": closed(
            ("remoteRef", "secretKey"),
            secretKey={"type": "string", "pattern": "^[-._a-zA-Z0-9]+$", "maxLength": 253},
            remoteRef=closed(("key",), key=TEXT, property=TEXT),
        ),
    },
)
# eventing.knative.dev/v1alpha1, RabbitmqBrokerConfig: config/broker of knative-extensions/eventing-rabbitmq.
RABBITMQ = closed(
    vhost=TEXT,
    queueType={"enum": ["quorum", "classic"]},
    rabbitmqClusterReference={
        **closed(name=TEXT, namespace=TEXT, connectionSecret=closed(name=TEXT)),
        "oneOf": [{"required": ["name"]}, {"required": ["connectionSecret"]}],
    },
)
# The keys that the class Kafka reads: control-plane/pkg/kafka of knative-extensions/eventing-kafka-broker.
KAFKA = closed(
    ("bootstrap.servers", "default.topic.partitions", "default.topic.replication.factor"),
    **{
        "bootstrap.servers": {"type": "string", "pattern": r"^[^:,\s]+:\d+(,[^:,\s]+:\d+)*$"},
        "default.topic.partitions": {"type": "string", "pattern": r"^[1-9]\d*$"},
        "default.topic.replication.factor": {"type": "string", "pattern": r"^[1-9]\d*$"},
        "auth.secret.ref.name": TEXT,
    },
)


def test_external_secrets_have_only_fields_of_their_crd() -> None:
    secrets = of_kind(rendered("overlays/production"), "ExternalSecret")
    assert {each["metadata"]["name"] for each in secrets} == {"state", "object-store", "model-store"}
    for secret in secrets:
        assert secret["apiVersion"] == "external-secrets.io/v1"
        Draft202012Validator(EXTERNAL_SECRET).validate(secret["spec"])


def test_rabbitmqs_configuration_has_only_fields_of_its_crd() -> None:
    (config,) = of_kind(rendered("overlays/rabbitmq"), "RabbitmqBrokerConfig")
    assert config["apiVersion"] == "eventing.knative.dev/v1alpha1"
    Draft202012Validator(RABBITMQ).validate(config["spec"])


@pytest.mark.parametrize("overlay", ["kafka", "production"])
def test_kafkas_configuration_has_the_keys_that_its_broker_reads(overlay: str) -> None:
    maps = of_kind(rendered(f"overlays/{overlay}"), "ConfigMap")
    (config,) = [each for each in maps if each["metadata"]["name"] == "kafka-broker-config"]
    Draft202012Validator(KAFKA).validate(config["data"])
    copies = int(config["data"]["default.topic.replication.factor"])
    assert copies >= 3, "an event survives the loss of a broker of Kafka's, and then of another"
