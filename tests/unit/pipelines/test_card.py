"""The model card: what is written is read again, and cards of before the schema version are read too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError
from support.training import make_card

from eventing.catalogue import Claim
from eventing.store import MemoryStore
from pipelines.card import SCHEMA_VERSION, load_card, parse_card

BEFORE = Path(__file__).with_name("card_without_schema_version.json")


def test_a_card_is_read_as_it_was_written() -> None:
    card = make_card(classes=(False, True), parity={"close": 1.0})
    store = MemoryStore("models")
    claim = store.put("s3://models/churn/v1/card.json", card.to_json())
    assert load_card(store, claim) == card
    assert json.loads(card.to_json())["schema_version"] == SCHEMA_VERSION


def test_a_card_written_before_there_was_a_schema_version_is_read_whole() -> None:
    raw = BEFORE.read_bytes()
    card = parse_card(raw)
    assert (card.model, card.version, card.classes) == ("churn", 1, ("no", "yes"))
    assert card.evaluation.loss is not None
    assert card.spec_claim == Claim.model_validate(json.loads(raw)["spec"])
    assert card.is_trained_on("e10f3b84960045c8c6cbfa613ac46b1922d25cef019d247cda5cdb97d516b9f5")
    assert not card.is_trained_on(card.data.dataset.sha256)
    again = json.loads(card.to_json())
    assert again.pop("schema_version") == 1
    assert again.pop("forms") == {}
    assert again.pop("own_code") is None
    assert again.pop("views") == []
    assert again.pop("expressions") == {}
    assert again.pop("randomised") == 0
    assert again["data"]["split"].pop("learnt_through") is None
    assert again["data"]["split"].pop("dataset_rows") is None
    assert again["data"]["split"].pop("rule") == 1
    assert again["data"]["split"].pop("order") is None
    assert again["data"].pop("window") is None
    assert again["evaluation"]["loss"].pop("block") == 1
    assert again["evaluation"]["loss"].pop("costs") is None
    assert again["evaluation"]["loss"].pop("counts") == []
    assert again == json.loads(raw)


def test_a_card_of_a_later_form_is_refused() -> None:
    later = json.loads(make_card().to_json()) | {"schema_version": SCHEMA_VERSION + 1}
    with pytest.raises(ValidationError, match="schema_version"):
        parse_card(json.dumps(later).encode())


@pytest.mark.parametrize("raw", [b"no JSON", b"[]", b"{}"])
def test_what_is_no_card_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError):
        parse_card(raw)
