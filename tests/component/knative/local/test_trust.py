"""What the machine's own user may do, and web pages, other users and requests without bounds may not."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator

import pytest
import requests

from .conftest import JOBS, SERVICES, Local
from .raw_http import accepted, port_of, request

NOBODY = 65534
INSIDE = "/-/services/default/web"
BROKER = {"apiVersion": "eventing.knative.dev/v1", "kind": "Broker", "metadata": {"name": "default"}}


@pytest.fixture(scope="module")
def local(make_local: Callable[..., Local]) -> Iterator[Local]:
    local = make_local("--cors-origin", "https://shop.example")
    local.write(local.service("web"), BROKER)
    yield local.start()
    assert "request failed" not in local.output()
    assert "Traceback" not in local.output()
    assert local.stop() == 0


def as_nobody(local: Local, method: str, url: str, body: str = "") -> int:
    """Return the status that another user of this machine gets."""
    if os.getuid() != 0:
        pytest.skip("needs root, to be another user: run the tests as root")
    program = (
        "import http.client, sys, urllib.parse as u; p = u.urlsplit(sys.argv[2]);"
        "c = http.client.HTTPConnection(p.hostname, p.port, timeout=10);"
        "c.request(sys.argv[1], p.path, sys.argv[3] or None, {'Content-Type': 'application/json'});"
        "print(c.getresponse().status)"
    )
    done = subprocess.run(
        ["/usr/bin/env", "python3", "-c", program, method, url, body],
        user=NOBODY,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
        cwd="/",
    )
    return int(done.stdout)


@pytest.mark.case("S1", "a Job by a page of http://localhost:<port>")
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "text/plain", "Origin": "http://localhost:3000"}, 403),
        ({"Content-Type": "text/plain"}, 401),
        ({"Content-Type": "application/json"}, 401),
        ({"Content-Type": "application/json", "Authorization": "Bearer " + "a" * 43}, 401),
        ({"Content-Type": "application/json", "Authorization": "Basic !!"}, 401),
        ({"Content-Type": "application/json", "Authorization": "Digest x"}, 401),
    ],
)
def test_nobody_without_the_token_makes_a_job(local: Local, headers: dict[str, str], status: int) -> None:
    job = {"metadata": {"name": "theirs"}, "spec": {"template": {"spec": {"containers": []}}}}
    answer = requests.post(local.endpoints["api"] + JOBS, data=json.dumps(job), headers=headers, timeout=10)
    assert (answer.status_code, answer.json()["code"]) == (status, status)


@pytest.mark.case("S1", "GET …/secrets")
@pytest.mark.parametrize("path", ["/api/v1/namespaces/default/secrets", "/metrics", "/waiting", "/apis"])
def test_nobody_without_the_token_reads_anything(local: Local, path: str) -> None:
    assert requests.get(local.endpoints["api"] + path, timeout=10).status_code == 401
    assert local.api("GET", path).status_code == 200


@pytest.mark.case("S1", "text/plain with the token")
@pytest.mark.parametrize("type_", ["text/plain", "application/x-www-form-urlencoded", "application/yaml", ""])
def test_the_api_takes_json_only(local: Local, type_: str) -> None:
    body = {"metadata": {"name": "plain"}, "data": {}}
    headers = {"Content-Type": type_}
    answer = local.api(
        "POST", "/api/v1/namespaces/default/configmaps", data=json.dumps(body), headers=headers
    )
    assert (answer.status_code, answer.json()["reason"]) == (415, "UnsupportedMediaType")


@pytest.mark.case("S1", "the files of the token")
def test_the_token_lies_in_files_of_its_owner_and_goes_with_the_runtime(
    make_local: Callable[..., Local],
) -> None:
    brief = make_local()
    brief.write(BROKER)
    brief.start()
    files = [brief.state / name for name in ("api-token", "kubeconfig", "endpoints.json", "sink-token")]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    first = brief.token
    assert brief.stop() == 0
    assert not any(file.exists() for file in files)
    assert brief.start().token != first
    brief.stop()


@pytest.mark.case("S9", "a page that predicts, redrives, sends")
@pytest.mark.parametrize(
    "path", [f"{INSIDE}/v1/models/web:predict", f"{INSIDE}/dead-letters/1/redrive", "/default/default"]
)
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1.evil.example"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"},
    ],
)
def test_a_page_from_elsewhere_reaches_nothing(local: Local, path: str, headers: dict[str, str]) -> None:
    url = local.endpoints["gateway"] + path
    answer = requests.post(url, data="{}", headers={"Content-Type": "text/plain", **headers}, timeout=10)
    assert answer.status_code == 403
    assert "web page" in answer.text


@pytest.mark.case("S9", "what curl and own pages send goes on")
@pytest.mark.parametrize(
    "headers",
    [{}, {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, {"Sec-Fetch-Site": "none"}],
)
def test_clients_that_are_no_pages_need_nothing(local: Local, headers: dict[str, str]) -> None:
    assert (
        requests.get(f"{local.endpoints['gateway']}{INSIDE}/", headers=headers, timeout=30).status_code == 200
    )
    own = {"Origin": local.endpoints["gateway"]}
    assert requests.get(f"{local.endpoints['gateway']}{INSIDE}/", headers=own, timeout=30).status_code == 200


@pytest.mark.case("S9", "CORS by a setting")
def test_a_page_that_the_setting_names_may_ask_and_read(local: Local) -> None:
    url, origin = f"{local.endpoints['gateway']}{INSIDE}/", {"Origin": "https://shop.example"}
    ask = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    asked = requests.options(url, headers={**origin, **ask}, timeout=10)
    assert asked.status_code == 204
    assert asked.headers["Access-Control-Allow-Headers"] == "content-type"
    for answer in (
        asked,
        requests.get(url, headers=origin, timeout=30),
        requests.get(url + "stream", headers=origin, timeout=30),
    ):
        assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example"
    refused = requests.options(url, headers={"Origin": "https://evil.example", **ask}, timeout=10)
    assert refused.status_code == 403
    assert "Access-Control-Allow-Origin" not in refused.headers


@pytest.mark.case("S7", "DNS rebinding at the gateway")
@pytest.mark.parametrize(
    "host", ["evil.com", "evil.com:8080", "127.0.0.1.evil.com", "localhost.evil.com", "10.0.0.1"]
)
def test_a_name_that_is_none_of_ours_is_refused_without_telling_what_is_there(
    local: Local, host: str
) -> None:
    for path in ("/", "/default/default", f"{INSIDE}/"):
        answer = requests.get(local.endpoints["gateway"] + path, headers={"Host": host}, timeout=10)
        assert answer.status_code == 404
        assert "no address of this gateway" in answer.text
        assert "default.localhost" not in answer.text


@pytest.mark.case("S7", "a function's own port")
def test_a_process_can_tell_the_gateway_from_others(local: Local) -> None:
    told = local.get("web").json()
    assert told["env"]["GATEWAY_KEY"] == told["headers"]["x-gateway-key"]
    forged = local.get("web", headers={"X-Gateway-Key": "mine"}).json()
    assert forged["headers"]["x-gateway-key"] == told["env"]["GATEWAY_KEY"]


@pytest.mark.case("S9", "another user of this machine")
def test_another_user_of_this_machine_is_refused(local: Local) -> None:
    gateway = local.endpoints["gateway"]
    assert as_nobody(local, "POST", f"{gateway}/default/default", "{}") == 403
    assert as_nobody(local, "GET", f"{gateway}{INSIDE}/") == 403
    assert as_nobody(local, "GET", local.endpoints["api"] + SERVICES) == 401


@pytest.mark.case("S9", "another user who leaves before the answer")
def test_a_stranger_whose_socket_is_gone_counts_as_a_stranger(local: Local) -> None:
    if os.getuid() != 0:
        pytest.skip("needs root, to be another user: run the tests as root")
    event = ["ce-specversion: 1.0", "ce-id: 1", "ce-source: /x", "ce-type: t", "Content-Length: 0"]
    program = (
        "import socket, sys\n"
        "for _ in range(50):\n"
        "    with socket.create_connection(('127.0.0.1', int(sys.argv[1]))) as c:\n"
        "        c.sendall(sys.argv[2].encode())"
    )
    before = accepted(local)
    arguments = [str(port_of(local)), request("/default/default", *event, method="POST").decode()]
    command = ["/usr/bin/env", "python3", "-c", program, *arguments]
    subprocess.run(command, user=NOBODY, check=True, timeout=30, cwd="/")
    assert accepted(local) == before
