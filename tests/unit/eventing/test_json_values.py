"""A name that is twice in one JSON object is refused by that name, wherever in an event the object is."""

from __future__ import annotations

import base64

import pytest

from eventing.app import create_app
from eventing.codec import decode, decode_all
from eventing.errors import InvalidEvent
from eventing.json_values import NotJson, load_json

BINARY = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "t"}
JSON = {**BINARY, "Content-Type": "application/json"}
STRUCTURED = {"Content-Type": "application/cloudevents+json"}
BATCH = {"Content-Type": "application/cloudevents-batch+json"}
MEMBERS = '"specversion": "1.0", "source": "/s", "type": "t", "id": "1"'


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ('{"a": 1, "b": 2, "b": 2, "a": 3}', "a"),
        ('{"a": {}, "\\u0061": null}', "a"),
        ('[{"b": {"a": [{"c": 1, "c": 1}]}}]', "c"),
        ('{"": 1, "": 2}', ""),
    ],
)
def test_a_name_twice_in_an_object_is_refused(body: str, name: str) -> None:
    with pytest.raises(NotJson, match=f"^'{name}' is there twice$"):
        load_json(body.encode())


def test_one_name_in_different_objects_is_fine() -> None:
    assert load_json(b'[{"a": {"a": 1}}, {"a": 2, "A": 3}]') == [{"a": {"a": 1}}, {"a": 2, "A": 3}]


@pytest.mark.parametrize("more", ['"id": "2"', '"id": null', '"data": {"rows": [{"id": 1, "id": 2}]}'])
def test_a_structured_event_with_a_name_twice_is_refused(more: str) -> None:
    with pytest.raises(InvalidEvent, match="the body is not JSON: 'id' is there twice"):
        decode(STRUCTURED, f"{{{MEMBERS}, {more}}}".encode())


def test_a_batch_with_a_name_twice_in_one_of_its_events_is_refused() -> None:
    with pytest.raises(InvalidEvent, match="'type' is there twice"):
        decode_all(BATCH, f'[{{{MEMBERS}}}, {{{MEMBERS}, "type": "other"}}]'.encode())


def test_json_data_in_binary_mode_with_a_name_twice_is_refused() -> None:
    with pytest.raises(InvalidEvent, match=r"data is not JSON, .*: 'age' is there twice"):
        decode(JSON, b'{"age": 1, "age": 2}')


def test_json_data_in_base64_with_a_name_twice_is_refused() -> None:
    encoded = base64.b64encode(b'{"age": 1, "age": 2}').decode()
    body = f'{{{MEMBERS}, "datacontenttype": "application/json", "data_base64": "{encoded}"}}'
    with pytest.raises(InvalidEvent, match=r"data is not JSON, .*: 'age' is there twice"):
        decode(STRUCTURED, body.encode())


def test_data_that_is_not_json_by_its_type_is_not_looked_into() -> None:
    body = b'{"age": 1, "age": 2}'
    assert decode({**BINARY, "Content-Type": "text/plain"}, body).data == body


def test_a_function_answers_400_and_names_the_member() -> None:
    client = create_app(lambda event, data: [], name="tested", accepts={"t": None}).test_client()
    answer = client.post("/", data=b'{"age": 1, "age": 2}', headers=JSON)
    assert answer.status_code == 400
    assert b"'age' is there twice" in answer.data
