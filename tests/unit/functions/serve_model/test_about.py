"""What a person finds at a model's address: a page and an OpenAPI document that say what is so."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012
from support import tiny_models

from functions.serve_model.about import address_of
from pipelines.encoding import Encoding, Feature
from pipelines.encoding.categories import OneHot, TargetMean
from pipelines.encoding.columns import Boolean, CentredNumber, Number
from pipelines.encoding.scales import Scale
from pipelines.encoding.times import Datetime
from pipelines.encoding.unused import Unused
from pipelines.encoding.words import HashedText
from pipelines.features.plan import Key, LookedUp, LookupPlan
from pipelines.onnx_graph import with_metadata
from pipelines.values.form import Form

HOSTILE = "<script>alert(1)</script> '\"& ünï"
EVERY = Encoding(
    (
        Feature("amount", "number", Number()),
        Feature("visits", "integer", CentredNumber(Scale(10.0, 2.0))),
        Feature("active", "boolean", Boolean()),
        Feature("country", "category", OneHot(("DE", HOSTILE), missing=True)),
        Feature("city", "category", TargetMean({"Köln": (0.2,), "Lyon": (0.7,)}, None, (0.3,))),
        Feature("seen_at", "datetime", Datetime(("hour", "weekday"))),
        Feature("born", "datetime", Datetime(("hour",)), Form(format="%d.%m.%Y")),
        Feature(HOSTILE, "text", HashedText(8)),
        Feature("unread", "number", Unused()),
    )
)
RANGES = {"amount": {"min": 1.5, "max": 9.5, "middle": 4.0}, "visits": {"min": 8, "max": 12, "middle": 10}}


class Page(HTMLParser):
    """The elements and the commands of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.commands = [unescape(each) for each in re.findall(r"<pre[^>]*><code>(.*?)</code>", text, re.S)]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))


@pytest.fixture
def every(serve: Callable[..., Any]) -> Any:
    """A classifier with a feature of each kind, whose training noted ranges."""
    raw = tiny_models.classifier(EVERY, ("no", "yes"), entity="customer")
    return serve(with_ranges(raw))


def with_ranges(raw: bytes) -> bytes:
    import onnx

    model = onnx.load_from_string(raw)
    card = json.loads(model.metadata_props[0].value)
    return with_metadata(raw, {**card, "ranges": RANGES})


def document(client: Any) -> Any:
    return client.get("/openapi.json").json


def validator(client: Any, name: str) -> Draft202012Validator:
    """Return what checks values against a schema of the document."""
    resource = Resource.from_contents(document(client), default_specification=DRAFT202012)
    registry: Any = Registry().with_resource("urn:d", resource)
    return Draft202012Validator({"$ref": f"urn:d#/components/schemas/{name}"}, registry=registry)


def test_the_document_is_openapi_3_1(every: Any, price: Any) -> None:
    for client in (every, price):
        OpenAPIV31SpecValidator(document(client)).validate()
        assert document(client)["openapi"] == "3.1.0"


def test_each_example_works_and_its_answer_is_as_the_document_says(every: Any, price: Any) -> None:
    for client in (every, price):
        paths = {path: each["post"] for path, each in document(client)["paths"].items() if "post" in each}
        assert len(paths) == 2
        for path, post in paths.items():
            content = post["requestBody"]["content"]["application/json"]
            body = content["examples"]["one row"]["value"]
            answer = client.post(path, body)
            assert answer.status == 200, answer.body
            for schema, value in (
                (content["schema"], body),
                (post["responses"]["200"]["content"]["application/json"]["schema"], answer.json),
            ):
                validator(client, schema["$ref"].rpartition("/")[2]).validate(value)


def test_each_example_in_a_schema_is_one_of_it(every: Any) -> None:
    row = document(every)["components"]["schemas"]["Row"]
    for schema in row["properties"].values():
        for example in schema.get("examples", []):
            Draft202012Validator(schema).validate(example)
    Draft202012Validator(row).validate(row["examples"][0])


def test_ranges_categories_and_kinds_are_told(every: Any) -> None:
    told = document(every)["components"]["schemas"]["Row"]
    assert told["properties"]["amount"] == {
        "type": ["number", "null"],
        "description": "number; from 1.5 to 9.5 in training; null where it is not known",
        "examples": [4.0],
    }
    assert "in training Köln, Lyon" in told["properties"]["city"]["description"]
    assert "as %d.%m.%Y, or ISO 8601" in told["properties"]["born"]["description"]
    assert "which the model does not read" in told["properties"]["unread"]["description"]
    assert set(told["required"]) == {each.name for each in EVERY.features} - {"unread"}
    assert "customer" in told["properties"]
    assert every.get("/v2/models/churn").json["properties"]["ranges"] == RANGES


SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(max_size=10),
    "number": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**70), 2**70),
    "integer": st.integers(-(2**70), 2**70),
    "boolean": st.booleans(),
    "null": st.none(),
}
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
MANY = settings(
    deadline=None,
    max_examples=60,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@MANY
@given(st.data())
def test_what_fits_the_schema_is_answered(every: Any, data: st.DataObject) -> None:
    row = document(every)["components"]["schemas"]["Row"]
    free = {"seen_at", "born"}  # a schema cannot say how a time is written
    value = {
        name: data.draw(st.one_of([SCALARS[each] for each in schema["type"]]), name)
        for name, schema in row["properties"].items()
        if name not in free
    }
    value |= {name: row["examples"][0][name] for name in free}
    answer = every.post("/v1/models/churn:predict", {"instances": [value] * 2})
    assert answer.status == 200, answer.body
    validator(every, "PredictResponse").validate(answer.json)


@MANY
@given(ANYTHING, st.sampled_from(["instances", "inputs"]), st.booleans())
def test_whatever_is_sent_is_answered_or_refused_as_the_document_says(
    every: Any, value: Any, key: str, whole: bool
) -> None:
    body = value if whole else {key: value}
    for path, each in document(every)["paths"].items():
        if "post" in each:
            answer = every.post(path, json.dumps(body, allow_nan=True).encode())
            assert answer.status in (200, 400), answer.body
            if answer.status == 400:
                validator(every, "Error").validate(answer.json)


def test_the_page_says_what_the_document_says_and_loads_nothing(every: Any) -> None:
    reply = every.get("/docs")
    assert reply.status == 200
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert reply.headers["content-security-policy"].startswith("default-src 'none'")
    text = reply.body.decode()
    page = Page(text)
    assert not [tag for tag, _ in page.elements if tag in ("script", "link", "img", "iframe")]
    links = [attrs["href"] for tag, attrs in page.elements if tag == "a"]
    assert links == ["http://localhost:8080/openapi.json"]
    assert "<script>alert" not in text
    assert "from 1.5 to 9.5 in training" in text
    assert "<h1>churn v1</h1>" in text


def test_the_commands_ask_at_the_address_that_the_page_was_reached_by(every: Any) -> None:
    headers = {
        "host": "127.0.0.1:1",
        "x-forwarded-host": "models.example.com:8443",
        "x-forwarded-proto": "https",
        "x-forwarded-prefix": "/-/services/kascade/churn",
    }
    page = Page(every.send("GET", "/docs", [b""], headers).body.decode())
    curl, python, curl_v2 = page.commands
    words = shlex.split(curl)
    assert words[1] == "https://models.example.com:8443/-/services/kascade/churn/v1/models/churn:predict"
    assert every.post("/v1/models/churn:predict", words[-1].encode()).status == 200
    assert every.post("/v2/models/churn/infer", shlex.split(curl_v2)[-1].encode()).status == 200
    compile(python, "page", "exec")


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        ({}, "http://localhost:8080"),
        ({b"host": b"churn.kascade.localhost:8080"}, "http://churn.kascade.localhost:8080"),
        ({b"host": b"[::1]:80"}, "http://[::1]:80"),
        ({b"host": b"x'; rm -rf /"}, "http://localhost:8080"),
        ({b"host": b"h", b"x-forwarded-prefix": b'/a"b'}, "http://h"),
        ({b"host": b"h", b"x-forwarded-proto": b"javascript"}, "http://h"),
    ],
)
def test_an_address_that_is_none_is_not_shown(headers: dict[bytes, bytes], address: str) -> None:
    assert address_of(headers) == address


def test_the_front_page_is_for_browsers_and_everybody_else_asks_there_for_health(every: Any) -> None:
    assert every.get("/").json == {"status": "alive"}
    html = every.send("GET", "/", [b""], {"accept": "text/html,*/*;q=0.8"})
    assert html.body.startswith(b"<!doctype html>")
    assert every.send("GET", "/", [b""], {"accept": "application/json"}).json == {"status": "alive"}
    assert every.get("/docs", "POST").status == 405
    assert "did you mean /docs" in every.get("/doc").json["error"]


def test_where_tokens_are_asked_for_the_document_and_the_commands_have_one(
    serve: Callable[..., Any],
) -> None:
    from eventing.tokens import Tokens

    guarded = serve(
        tiny_models.classifier(tiny_models.numbers("a", "b")),
        tokens=Tokens.parse("shop 0123456789abcdef0123456789abcdef predict:churn"),
    )
    told = document(guarded)
    OpenAPIV31SpecValidator(told).validate()
    assert told["paths"]["/v1/models/churn:predict"]["post"]["security"] == [{"token": []}]
    page = Page(guarded.get("/docs").body.decode())
    assert all("Authorization" in each for each in page.commands)


def test_what_is_looked_up_by_entity_may_be_left_out(serve: Callable[..., Any]) -> None:
    plan = LookupPlan((Key("customer_id", "integer"),), (LookedUp("b", "v:b"),), {"c": "a + b"})
    data = tiny_models.classifier(tiny_models.numbers("a", "b", "c"), entity="customer_id", plan=plan)
    client = serve(data, feature_server="http://127.0.0.1:9")
    told = document(client)

    OpenAPIV31SpecValidator(told).validate()
    row = told["components"]["schemas"]["Row"]
    assert row["required"] == ["a"]
    assert set(row["properties"]) == {"a", "b", "c", "customer_id"}
    assert "looked up by entity, or computed" in row["properties"]["c"]["description"]
    post = told["paths"]["/v1/models/churn:predict"]["post"]
    assert {"422", "503"} <= post["responses"].keys()
    example = post["requestBody"]["content"]["application/json"]["examples"]["one row"]["value"]
    assert client.post("/v1/models/churn:predict", example).status == 200, "the feature server is not needed"
    assert "send <code>customer_id</code>, and leave out" in client.get("/docs").body.decode()
