"""What roll_out_model is told by its environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from functions.roll_out_model.knative_service import ServingOptions

DEFAULT_READY_DEADLINE_S = 120.0
DEFAULT_READY_POLL_S = 0.5
DEFAULT_WATCH_S = 60.0
TARGETS = ("knative",)
TOLD = ("K_SINK", "K_CA_CERTS", "K_CE_OVERRIDES", "SINK_TIMEOUT_S", "SINK_TOKEN_FILE")
"""What model servers are told as this function is: where the log of predictions goes, and how."""

_LIMITS = {"cpu": r"[0-9]+(\.[0-9]+)?|[0-9]+m", "memory": r"[0-9]+([KMGT]i?)?"}
"""Quantities of Kubernetes, as far as they make sense for a container's CPU and memory."""


class SettingsError(ValueError):
    """Variables are missing or wrong; the message names all of them."""


@dataclass(frozen=True)
class Settings:
    """Where the state is, where models are served, and how long a revision may take.

    Attributes:
        database_url: of functions.state.
        deploy_target: the platform; only `knative`.
        ready_deadline: a revision that is not ready by then is rolled back.
        ready_poll: how long until a rollout under way is looked at again.
        watch: how long until one whose phase stands is looked at again.
        serving: how model servers are run.
    """

    database_url: str
    deploy_target: str = "knative"
    ready_deadline: timedelta = timedelta(seconds=DEFAULT_READY_DEADLINE_S)
    ready_poll: timedelta = timedelta(seconds=DEFAULT_READY_POLL_S)
    watch: timedelta = timedelta(seconds=DEFAULT_WATCH_S)
    serving: ServingOptions = field(default_factory=ServingOptions)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read the settings. Raises SettingsError naming every bad variable."""
        problems: list[str] = []
        if not env.get("DATABASE_URL"):
            problems.append("DATABASE_URL is not set: give sqlite:///path or postgresql+psycopg://…")
        target = env.get("DEPLOY_TARGET") or "knative"
        if target not in TARGETS:
            problems.append(f"DEPLOY_TARGET is {target!r}: valid is {', '.join(TARGETS)}")
        deadline = _seconds(env, "READY_DEADLINE_S", DEFAULT_READY_DEADLINE_S, problems)
        poll = _seconds(env, "READY_POLL_S", DEFAULT_READY_POLL_S, problems)
        watch = _seconds(env, "WATCH_S", DEFAULT_WATCH_S, problems)
        token_file, audience = env.get("SINK_TOKEN_FILE") or "", env.get("SERVE_SINK_AUDIENCE") or ""
        if audience and not re.fullmatch(r"/.+/[^/]+", token_file):
            problems.append("SERVE_SINK_AUDIENCE is set: SINK_TOKEN_FILE must be a file's path, /folder/file")
        serving = ServingOptions(
            namespace=env.get("KASCADE_NAMESPACE") or ServingOptions.namespace,
            image=env.get("SERVE_IMAGE") or ServingOptions.image,
            config_map=env.get("SERVE_CONFIG_MAP") or ServingOptions.config_map,
            secret=env.get("SERVE_SECRET") or ServingOptions.secret,
            min_scale=_count(env, "SERVE_MIN_SCALE", ServingOptions.min_scale, problems),
            max_scale=_count(env, "SERVE_MAX_SCALE", ServingOptions.max_scale, problems),
            progress_deadline_s=max(1, int(0.75 * deadline.total_seconds())),
            cluster_domain=env.get("CLUSTER_DOMAIN") or ServingOptions.cluster_domain,
            told={name: env[name] for name in TOLD if env.get(name)},
            limits=_limits(env, problems),
            read_only_root=_flag(env, "SERVE_READ_ONLY_ROOT", problems),
            service_account=env.get("SERVE_SERVICE_ACCOUNT") or "",
            sink_audience=audience,
        )
        if problems:
            raise SettingsError("; ".join(problems))
        return cls(env["DATABASE_URL"], target, deadline, poll, watch, serving)


def _seconds(env: Mapping[str, str], name: str, default: float, problems: list[str]) -> timedelta:
    try:
        found = timedelta(seconds=float(env.get(name) or default))
    except (ValueError, OverflowError):
        found = timedelta(0)
    if found <= timedelta(0):
        problems.append(f"{name} must be a number of seconds above 0, not {env.get(name)!r}")
    return found


def _count(env: Mapping[str, str], name: str, default: int, problems: list[str]) -> int:
    text = env.get(name) or str(default)
    if re.fullmatch(r"\d{1,4}", text):
        return int(text)
    problems.append(f"{name} must be a whole number from 0 to 9999, not {text!r}")
    return default


def _flag(env: Mapping[str, str], name: str, problems: list[str]) -> bool:
    text = env.get(name) or "false"
    if text not in ("true", "false"):
        problems.append(f"{name} must be true or false, not {text!r}")
    return text == "true"


def _limits(env: Mapping[str, str], problems: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for resource, pattern in _LIMITS.items():
        name = f"SERVE_{resource.upper()}_LIMIT"
        text = env.get(name, "")
        if text and not re.fullmatch(pattern, text):
            problems.append(f"{name} must be a quantity such as 1, 500m or 512Mi, not {text!r}")
        elif text:
            found[resource] = text
    return found
