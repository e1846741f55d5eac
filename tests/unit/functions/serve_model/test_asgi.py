"""Tests of the application's paths, limits, pages and events."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from support import tiny_models

ROW = {"instances": [[1, 2, 3]]}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", {"status": "alive"}),
        ("/healthz", {"status": "ok"}),
        ("/readyz", {"status": "ready", "model": "churn", "version": 1}),
        ("/v2/health/live", {"live": True}),
        ("/v2/health/ready", {"ready": True}),
        ("/v2/models/churn/ready", {"name": "churn", "ready": True}),
        ("/v2/models/churn/versions/1/ready", {"name": "churn", "ready": True}),
        ("/v1/models", {"models": ["churn"]}),
        ("/v1/models/churn", {"name": "churn", "ready": True}),
    ],
)
def test_health_and_readiness_are_answered(churn: Any, path: str, expected: Any) -> None:
    assert churn.get(path).json == expected
    assert churn.get(path, "HEAD").status == 200


def test_the_server_names_its_extensions(churn: Any) -> None:
    page = churn.get("/v2").json

    assert page["name"] == "kascade"
    assert page["extensions"] == ["binary_tensor_data"]


@pytest.mark.parametrize("path", ["/v2/models/mixed", "/v2/models/mixed/versions/7"])
def test_metadata_lists_features_and_outputs(mixed: Any, path: str) -> None:
    page = mixed.get(path).json

    assert page["versions"] == ["7"]
    assert [(entry["name"], entry["datatype"]) for entry in page["inputs"]] == [
        ("amount", "FP64"),
        ("country", "BYTES"),
        ("active", "BOOL"),
    ]
    assert [(entry["name"], entry["shape"]) for entry in page["outputs"]] == [
        ("label", [-1]),
        ("probabilities", [-1, 2]),
        ("prediction_id", [-1]),
    ]
    assert page["properties"]["classes"] == ["no", "yes"]
    assert len(page["properties"]["sha256"]) == 64


@pytest.mark.parametrize(
    ("method", "path", "status", "expected"),
    [
        ("GET", "/nowhere", 404, "there is no /nowhere here"),
        ("GET", "/healthy", 404, "did you mean /healthz?"),
        ("POST", "/v2/models/chrun/infer", 404, "unknown model 'chrun': this address serves 'churn'"),
        ("POST", "/v1/models/chrun:predict", 404, "unknown model 'chrun'"),
        ("GET", "/v2/models/churn/versions/2", 404, "unknown version '2' of 'churn': this is v1"),
        ("POST", "/v2/models/churn/versions/2/infer", 404, "unknown version '2'"),
        ("GET", "/v2/models/churn/infer", 405, "GET is not taken on /v2/models/churn/infer: send POST"),
        ("POST", "/v2/models/churn", 405, "send GET"),
        ("DELETE", "/healthz", 405, "send GET"),
    ],
)
def test_a_wrong_path_or_method_says_what_is_right(
    churn: Any, method: str, path: str, status: int, expected: str
) -> None:
    reply = churn.send(method, path, [b"{}"], {})

    assert reply.status == status
    assert expected in reply.json["error"]
    assert ("allow" in reply.headers) == (status == 405)


def test_a_body_beyond_the_limit_is_refused_by_its_declared_length(serve: Callable[..., Any]) -> None:
    client = serve(tiny_models.classifier(tiny_models.numbers("a")), max_bytes=100)

    reply = client.send("POST", "/v1/models/churn:predict", [b""], {"content-length": "101"})

    assert reply.status == 413
    assert "MAX_BODY_BYTES" in reply.json["error"]


def test_a_body_without_a_length_is_refused_once_it_is_too_large(serve: Callable[..., Any]) -> None:
    client = serve(tiny_models.classifier(tiny_models.numbers("a")), max_bytes=100)

    reply = client.send("POST", "/v1/models/churn:predict", [b"x" * 60, b"x" * 60], {})

    assert reply.status == 413


def test_a_body_in_parts_is_put_together(churn: Any) -> None:
    body = json.dumps(ROW).encode()

    reply = churn.send("POST", "/v1/models/churn:predict", [body[:9], body[9:20], body[20:]], {})

    assert reply.json["predictions"] == [1]


def test_more_rows_than_the_limit_are_refused(serve: Callable[..., Any]) -> None:
    client = serve(tiny_models.classifier(tiny_models.numbers("a")), max_rows=2)

    assert client.post("/v1/models/churn:predict", {"instances": [[1], [2]]}).status == 200
    reply = client.post("/v1/models/churn:predict", {"instances": [[1], [2], [3]]})

    assert reply.status == 413
    assert "MAX_ROWS" in reply.json["error"]


def test_a_compressed_body_is_refused_by_name(churn: Any) -> None:
    reply = churn.post("/v1/models/churn:predict", b"\x1f\x8b", {"content-encoding": "gzip"})

    assert reply.status == 415
    assert "uncompressed" in reply.json["error"]


def test_a_large_batch_is_answered_like_a_small_one(churn: Any) -> None:
    rows = [[1, 2, 3]] * 8000

    reply = churn.post("/v1/models/churn:predict", {"instances": rows})

    assert reply.json["predictions"] == [1] * 8000
    assert len(set(reply.json["prediction_ids"])) == 8000


def test_a_bug_is_answered_500_without_its_details(
    churn: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr("functions.serve_model.v1.read", broken)

    reply = churn.post("/v1/models/churn:predict", ROW)

    assert reply.status == 500
    assert "secret" not in reply.json["error"]
    assert "secret" in caplog.text


def test_metrics_count_requests_rows_and_seconds(churn: Any) -> None:
    churn.post("/v1/models/churn:predict", {"instances": [[1, 2, 3]] * 5})
    churn.post("/v2/models/churn/infer", {})
    churn.get("/healthz")

    page = churn.get("/metrics")

    assert page.headers["content-type"].startswith("text/plain")
    text = page.body.decode()
    assert (
        'kascade_inference_requests_total{model="churn",protocol="v1",status="200",version="1"} 1.0' in text
    )
    assert (
        'kascade_inference_requests_total{model="churn",protocol="v2",status="400",version="1"} 1.0' in text
    )
    assert 'kascade_predictions_total{model="churn",version="1"} 5.0' in text
    assert 'kascade_inference_seconds_count{model="churn",version="1"} 2.0' in text
    assert "process_resident_memory_bytes" in text


@pytest.mark.case("S9", "text/plain predicts")
@pytest.mark.parametrize("path", ["/v1/models/churn:predict", "/v2/models/churn/infer"])
@pytest.mark.parametrize(
    "type_", ["text/plain", "text/plain;charset=UTF-8", "Text/Plain", "multipart/form-data; boundary=x"]
)
def test_what_a_web_page_may_send_without_asking_is_no_request(churn: Any, path: str, type_: str) -> None:
    assert churn.post(path, ROW, {"content-type": type_}).status == 415


@pytest.mark.case("S9", "curl -d without a header")
def test_what_curl_sends_by_itself_is_taken_for_json(churn: Any) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert churn.post("/v1/models/churn:predict", ROW, headers).status == 200
