"""`kascade features check` on a whole system with a real Feast: ten thousand entities, one of them wrong."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from typing import Any

import pytest
from support.feast import MISSING, program
from support.live_system import BIN, LiveSystem, eventually

from eventing.catalogue import FeaturesMaterialized
from eventing.store import S3Store
from functions.materialize_features.feature_server import FeastServer
from pipelines.features.view import View

pytestmark = [
    pytest.mark.timeout(700),
    pytest.mark.skipif(program() is None, reason=MISSING),
    pytest.mark.slow,
]
ENTITIES = 10_000
SPEC = """
target: churned
entity: customer
timestamp: at
features: {views: [{name: account, fields: [balance, plan]}]}
retrain: {on: []}
"""
MOMENT = datetime(2026, 11, 20, 10, tzinfo=UTC)


def _file() -> bytes:
    rows = [
        f"{number},{MOMENT.isoformat()},{number / 7},{'gold' if number % 3 else ''},{number % 2}"
        for number in range(ENTITIES)
    ]
    return "\n".join(["customer,at,balance,plan,churned", *rows, ""]).encode()


def _online(system: LiveSystem) -> dict[str, Any]:
    """Return what was said of the view once it was served."""

    def look() -> dict[str, Any] | None:
        said = [each["data"] for each in system.events(type=FeaturesMaterialized.type)]
        return next((each for each in said if each["model"] == "members" and each["online"]), None)

    return eventually(look, 300, what="view that is online")


def _check(system: LiveSystem) -> tuple[int, str]:
    """Run the command; return its status and what it said, as one line."""
    command = [str(BIN / "kascade"), "features", "check", "members", "--sample", str(ENTITIES)]
    done = subprocess.run(command, env=system.environment, capture_output=True, text=True, timeout=240)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def _plant(system: LiveSystem, row: dict[str, Any]) -> None:
    """Write a row online that the offline rows do not have."""
    store = S3Store.from_env(system.environment)
    (uri,) = (each.uri for each in store.list("s3://features/members/") if each.uri.endswith("/view.json"))
    stored = json.loads(store.get(uri))
    gateway = system.home.endpoints().gateway
    server = FeastServer(f"{gateway}/-/services/kascade/feature-server", 120)
    times = {"event_timestamp": MOMENT, "created_timestamp": datetime.now(UTC)}
    server.write(View.from_json(stored["view"]), [{**row, **times}], stored["kinds"])


def test_one_wrong_value_among_ten_thousand_entities_is_found_by_the_command(system: LiveSystem) -> None:
    system.put("s3://raw/members/model.yaml", SPEC.encode())
    system.put("s3://raw/members/1.csv", _file())
    assert _online(system)["entities"] == ENTITIES

    status, said = _check(system)
    assert (status, "10000 entities are the same online and offline" in said) == (0, True), said

    _plant(system, {"customer": 7331, "balance": 1.0, "plan": "gold"})
    status, said = _check(system)
    assert (status, "1 of 10000 entities differ" in said) == (1, True), said
    assert "[7331]: balance is 1.0 online" in said
