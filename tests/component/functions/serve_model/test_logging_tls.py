"""A real process whose sink speaks TLS with a certificate from a CA of our own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import tiny_models
from support.authority import Authority
from support.receiver import Receiver

PREDICT = "/v1/models/churn:predict"
DATA = tiny_models.classifier(tiny_models.numbers("age", "amount"))


def ids_in(receiver: Receiver) -> list[str]:
    """Return the ids of the predictions that it was given."""
    return [each for _, body in receiver.requests for each in json.loads(body)["ids"]]


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def asked(server: Any, count: int) -> list[str]:
    ids = []
    for number in range(count):
        body = json.dumps({"instances": [[number, 1]]}).encode()
        ids += json.loads(server.request("POST", PREDICT, body)[2])["prediction_ids"]
    return ids


def ended(server: Any) -> str:
    """Let the process end and return what it said."""
    server.process.terminate()
    said: str = server.process.communicate(timeout=20)[1]
    return said


def test_predictions_reach_a_sink_that_a_given_ca_signed(
    tmp_path: Path, start: Callable[..., Any], receiver: Receiver, ours: Authority, theirs: Authority
) -> None:
    env = {"K_SINK": ours.serve(receiver.server, tmp_path), "K_CA_CERTS": theirs.pem + ours.pem}
    server = start(tiny_models.write(tmp_path, DATA), LOG_INTERVAL_S="0.05", **env).wait_ready()
    ids = asked(server, 5)
    wait_until(lambda: len(ids_in(receiver)) == 5)
    more = asked(server, 5)
    wait_until(lambda: len(ids_in(receiver)) == 10)
    assert ids_in(receiver) == ids + more


def test_the_systems_cas_are_trusted_too(
    tmp_path: Path, start: Callable[..., Any], receiver: Receiver, ours: Authority, theirs: Authority
) -> None:
    (tmp_path / "system.pem").write_text(ours.pem)
    system = {"SSL_CERT_FILE": str(tmp_path / "system.pem")}
    env = {"K_SINK": ours.serve(receiver.server, tmp_path), "K_CA_CERTS": theirs.pem, **system}
    server = start(tiny_models.write(tmp_path, DATA), LOG_INTERVAL_S="0.05", **env).wait_ready()
    ids = asked(server, 1)
    wait_until(lambda: ids_in(receiver) == ids)


@pytest.mark.parametrize("others", [True, False])
def test_a_sink_that_another_ca_signed_gets_nothing_and_the_log_says_why(
    tmp_path: Path,
    start: Callable[..., Any],
    receiver: Receiver,
    ours: Authority,
    theirs: Authority,
    others: bool,
) -> None:
    env = {
        "K_SINK": ours.serve(receiver.server, tmp_path),
        "K_CA_CERTS": theirs.pem if others else "",
        "DRAIN_S": "1",
    }
    server = start(tiny_models.write(tmp_path, DATA), LOG_INTERVAL_S="0.05", **env).wait_ready()
    asked(server, 1)  # is answered all the same
    said = ended(server)
    assert "its certificate is not trusted: " in said
    assert "trusted are the system's CAs and those in K_CA_CERTS" in said
    assert "1 rows of the log of predictions are lost" in said
    assert ids_in(receiver) == []


def test_a_certificate_for_another_address_is_refused(
    tmp_path: Path, start: Callable[..., Any], receiver: Receiver, ours: Authority
) -> None:
    url = ours.serve(receiver.server, tmp_path, address="127.0.0.2")
    env = {"K_SINK": url, "K_CA_CERTS": ours.pem, "DRAIN_S": "1"}
    server = start(tiny_models.write(tmp_path, DATA), LOG_INTERVAL_S="0.05", **env).wait_ready()
    asked(server, 1)
    assert "not trusted: IP address mismatch" in ended(server)
    assert ids_in(receiver) == []


def test_cas_that_are_no_pem_keep_the_process_from_starting(
    tmp_path: Path, start: Callable[..., Any]
) -> None:
    env = {"K_SINK": "https://127.0.0.1:9/broker", "K_CA_CERTS": "a CA"}
    process = start(tiny_models.write(tmp_path, DATA), **env).process
    assert "K_CA_CERTS must be the certificates of CAs in PEM" in process.communicate(timeout=20)[1]
    assert process.returncode == 4
