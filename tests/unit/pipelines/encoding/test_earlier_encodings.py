"""Encodings that earlier releases wrote encode as they did, and newer ones are refused."""

from __future__ import annotations

import pytest

from pipelines.encoding import Encoding


def test_an_encoding_of_a_newer_format_is_refused() -> None:
    with pytest.raises(ValueError, match="another version"):
        Encoding.from_json({"format": 99, "features": []})
    with pytest.raises(ValueError, match="'magic' is unknown"):
        Encoding.from_json({"format": 1, "features": [{"name": "a", "kind": "number", "method": "magic"}]})


BEFORE = {
    "format": 1,
    "features": [
        {"name": "amount", "kind": "number", "method": "number"},
        {
            "name": "work",
            "kind": "category",
            "method": "one_hot",
            "values": [" Private", "NA", "x"],
            "missing": False,
        },
        {
            "name": "shop",
            "kind": "category",
            "method": "target_mean",
            "means": {" a": [0.25], "1.0": [0.5]},
            "missing": None,
            "prior": [0.75],
        },
        {"name": "seen", "kind": "datetime", "method": "datetime", "parts": ["days"]},
    ],
}


@pytest.mark.case("E", "models of earlier releases")
def test_an_encoding_written_before_there_were_forms_encodes_as_it_did() -> None:
    encoding = Encoding.from_json(BEFORE)
    sent = {
        "amount": [1.5, 2],
        "work": [" Private", "NA"],
        "shop": [" a", "b"],
        "seen": ["2026-01-31", 86400],
    }

    assert encoding.encode(sent).tolist() == [
        [1.5, 1.0, 0.0, 0.0, 0.25, 20484.0],
        [2.0, 0.0, 1.0, 0.0, 0.75, 1.0],
    ]
    assert encoding.to_json() == BEFORE


@pytest.mark.case("E", '" x" and "x" are one category')
def test_an_encoding_that_knows_untrimmed_categories_finds_them_trimmed_too() -> None:
    rest = {"amount": [1] * 4, "seen": [0] * 4}
    sent = {"work": ["Private", "x ", " NA", "y"], "shop": ["a ", "1", 1, 1.0], **rest}
    encoded = Encoding.from_json(BEFORE).encode(sent)

    assert encoded[:, 1:4].tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0], [0, 0, 0]]
    assert encoded[:, 4].tolist() == [0.25, 0.5, 0.5, 0.5]
