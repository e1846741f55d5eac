"""The configuration that a Prometheus gets for a system on this machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from kascade.system.home import Home, HomeError
from kascade.system.monitoring import RULES, prometheus_config


def test_the_runtime_and_the_ledger_are_scraped_and_nothing_that_sleeps(tmp_path: Path) -> None:
    told = {"gateway": "http://127.0.0.1:1", "broker": "http://127.0.0.1:1/kascade/default"}
    told |= {"api": "http://127.0.0.1:2", "store": "http://127.0.0.1:3"}
    (tmp_path / "endpoints.json").write_text(json.dumps(told))
    (tmp_path / "store.json").write_text(json.dumps({"store": told["store"]}))
    (tmp_path / "api-token").write_text("t")
    config = yaml.safe_load(prometheus_config(Home(tmp_path)))

    assert config["rule_files"] == [str(RULES)]
    assert RULES.exists()
    token = {"credentials_file": str(tmp_path / "api-token")}
    assert [(each["job_name"], each["static_configs"]) for each in config["scrape_configs"]] == [
        ("kascade-runtime", [{"targets": ["127.0.0.1:2"]}]),
        ("kascade-ledger", [{"targets": ["127.0.0.1:1"]}]),
    ]
    assert all(each["authorization"] == token for each in config["scrape_configs"])


def test_without_a_system_there_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(HomeError):
        prometheus_config(Home(tmp_path))
