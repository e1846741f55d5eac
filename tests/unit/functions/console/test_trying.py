"""The form that asks a model."""

from __future__ import annotations

import json
import shlex

from functions.console.trying import curl_line, features_of, page_of, python_lines

INPUTS = [
    {"name": "amount", "datatype": "FP64"},
    {"name": "visits", "datatype": "INT64"},
    {"name": "member", "datatype": "BOOL"},
    {"name": "country", "datatype": "BYTES"},
]


def test_values_become_what_the_model_takes_and_nothing_is_missing() -> None:
    given = {
        "feature:amount": " 12.5 ",
        "feature:visits": "3",
        "feature:member": "Yes",
        "feature:country": "",
    }

    assert features_of(INPUTS, given) == ({"amount": 12.5, "visits": 3, "member": True, "country": None}, "")


def test_the_first_bad_value_is_named() -> None:
    assert features_of(INPUTS, {"feature:visits": "2.5"})[1] == "visits: '2.5' is no whole number"
    assert features_of(INPUTS, {"feature:member": "maybe"})[1] == "member: 'maybe' is no true or false"


def test_the_curl_line_survives_a_shell() -> None:
    features = {"name": "O'Brien $HOME `x`", "amount": 1.5}

    words = shlex.split(curl_line("http://127.0.0.1:8080/-/services/kascade/{}", "churn", features))

    assert words[1] == "http://127.0.0.1:8080/-/services/kascade/churn/v1/models/churn:predict"
    assert json.loads(words[-1]) == {"instances": [features]}


def test_the_python_lines_are_python() -> None:
    compile(python_lines("churn", {"name": 'a "quote"\n', "amount": None}), "<lines>", "exec")


def test_a_models_page_is_linked_where_a_browser_reaches_it() -> None:
    local = "http://127.0.0.1:8080/-/services/kascade/{}"
    assert page_of(local, "churn") == "http://127.0.0.1:8080/-/services/kascade/churn/docs"
    assert page_of("https://{}.models.example.com", "churn") == "https://churn.models.example.com/docs"
    assert page_of("http://{}.kascade.svc.cluster.local", "churn") == ""
