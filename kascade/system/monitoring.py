"""The configuration with which a Prometheus watches a system on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

import knative
from kascade.system.home import NAMESPACE, Home

RULES = Path(knative.__file__).with_name("components") / "monitoring" / "rules.yaml"


def prometheus_config(home: Home) -> str:
    """Return a prometheus.yml: the runtime's own metrics, those of the state, and the alert rules.

    Functions that sleep are left out: a scrape by way of the gateway is a request, and would wake them.
    Raises: HomeError: no system runs there.
    """
    endpoints = home.endpoints()
    token = {"credentials_file": str(home.path / "api-token")}
    ledger = f"/-/services/{NAMESPACE}/record-events/metrics"
    config = {
        "global": {"scrape_interval": "15s"},
        "rule_files": [str(RULES)],
        "scrape_configs": [
            _job("kascade-runtime", endpoints.api, authorization=token),
            _job("kascade-ledger", endpoints.gateway, metrics_path=ledger, authorization=token),
        ],
    }
    return yaml.safe_dump(config, sort_keys=False)


def _job(name: str, url: str, **further: Any) -> dict[str, Any]:
    return {"job_name": name, **further, "static_configs": [{"targets": [urlsplit(url).netloc]}]}
