"""The settings of roll_out_model, from its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from eventing.environment import Variables
from functions.roll_out_model.knative_service import ServingOptions
from functions.roll_out_model.kserve_service import KServeOptions
from functions.roll_out_model.seldon_roles import SeldonOptions
from functions.roll_out_model.targets import TARGETS

DEFAULT_READY_DEADLINE_S = 120.0
DEFAULT_READY_POLL_S = 0.5
DEFAULT_WATCH_S = 45.0
"""Less than the 60 s after which Knative lets an idle function go: it is there when a verdict comes."""

PASSED_ON = ("K_SINK", "K_CA_CERTS", "K_CE_OVERRIDES", "SINK_TIMEOUT_S", "SINK_TOKEN_FILE")
"""Variables that model servers are given as well: where the log of predictions goes, and how."""

_LIMITS = {"cpu": r"[0-9]+(\.[0-9]+)?|[0-9]+m", "memory": r"[0-9]+([KMGT]i?)?"}
"""Quantities of Kubernetes, as far as they make sense for a container's CPU and memory."""


@dataclass(frozen=True)
class Settings:
    """Where the state is, where models are served, and how long a revision may take.

    Attributes:
        database_url: of functions.state.
        deploy_target: the platform, by its name in TARGETS.
        ready_deadline: a revision that is not ready by then is rolled back.
        ready_poll: how long until a rollout under way is checked again.
        watch: how long until one whose phase is set up is checked again.
        serving: how model servers are run.
        kserve: how KServe runs them, where it is the platform.
        seldon: how Seldon serves models, where it is the platform.
    """

    database_url: str
    deploy_target: str = "knative"
    ready_deadline: timedelta = timedelta(seconds=DEFAULT_READY_DEADLINE_S)
    ready_poll: timedelta = timedelta(seconds=DEFAULT_READY_POLL_S)
    watch: timedelta = timedelta(seconds=DEFAULT_WATCH_S)
    serving: ServingOptions = field(default_factory=ServingOptions)
    kserve: KServeOptions = field(default_factory=KServeOptions)
    seldon: SeldonOptions = field(default_factory=SeldonOptions)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read the settings. Raises SettingsError naming every bad variable."""
        read = Variables(env)
        target = read.text("DEPLOY_TARGET", "|".join(TARGETS), ", ".join(TARGETS), "knative")
        deadline = read.duration("READY_DEADLINE_S", DEFAULT_READY_DEADLINE_S)
        serving = ServingOptions(
            namespace=read.get("KASCADE_NAMESPACE", ServingOptions.namespace),
            image=read.get("SERVE_IMAGE", ServingOptions.image),
            config_map=read.get("SERVE_CONFIG_MAP", ServingOptions.config_map),
            secret=read.get("SERVE_SECRET", ServingOptions.secret),
            tokens_secret=read.get("SERVE_TOKENS_SECRET", ServingOptions.tokens_secret),
            min_scale=read.number("SERVE_MIN_SCALE", ServingOptions.min_scale, 0, 9999),
            max_scale=read.number("SERVE_MAX_SCALE", ServingOptions.max_scale, 0, 9999),
            progress_deadline_s=max(1, int(0.75 * deadline.total_seconds())),
            cluster_domain=read.get("CLUSTER_DOMAIN", ServingOptions.cluster_domain),
            variables={name: env[name] for name in PASSED_ON if env.get(name)},
            limits=_limits(read),
            read_only_root=read.flag("SERVE_READ_ONLY_ROOT"),
            service_account=read.get("SERVE_SERVICE_ACCOUNT"),
            sink_audience=read.get("SERVE_SINK_AUDIENCE"),
        )
        if serving.sink_audience:
            read.text("SINK_TOKEN_FILE", r"/.+/[^/]+", "a file's path, as SERVE_SINK_AUDIENCE is set")
        poll = read.duration("READY_POLL_S", DEFAULT_READY_POLL_S)
        watch = read.duration("WATCH_S", DEFAULT_WATCH_S)
        others = (_kserve(read, serving), _seldon(read))
        return read.checked(cls(read.database_url(), target, deadline, poll, watch, serving, *others))


def _kserve(read: Variables, serving: ServingOptions) -> KServeOptions:
    return KServeOptions(
        runtime=read.get("KSERVE_RUNTIME", KServeOptions.runtime),
        service_account=read.get("KSERVE_SERVICE_ACCOUNT", KServeOptions.service_account),
        serving=serving,
    )


def _seldon(read: Variables) -> SeldonOptions:
    default = SeldonOptions()
    ingresses = ("istio", "ambassador")
    expected = "a quantity such as 512Mi"
    return SeldonOptions(
        requirements=tuple(read.get("SELDON_REQUIREMENTS", " ".join(default.requirements)).split()),
        secret=read.get("SELDON_SECRET", default.secret),
        memory=read.text("SELDON_MEMORY", _LIMITS["memory"], expected, default.memory),
        replicas=read.number("SELDON_REPLICAS", default.replicas, 1, 9999),
        mesh=read.get("SELDON_MESH", default.mesh).rstrip("/"),
        gateway=read.get("SELDON_GATEWAY", default.gateway),
        ingress=read.text("SELDON_INGRESS", "|".join(ingresses), ", ".join(ingresses), default.ingress),
    )


def _limits(read: Variables) -> dict[str, str]:
    expected = "a quantity such as 1, 500m or 512Mi"
    names = {resource: f"SERVE_{resource.upper()}_LIMIT" for resource in _LIMITS}
    found = {resource: read.text(names[resource], _LIMITS[resource], expected, "") for resource in _LIMITS}
    return {resource: limit for resource, limit in found.items() if limit}
