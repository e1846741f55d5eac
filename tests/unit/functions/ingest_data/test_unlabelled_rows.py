"""Rows without a label are kept, counted, and hold up nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Examine = Callable[..., Any]


def rows(*labels: str) -> bytes:
    return ("a,y\n" + "".join(f"{number},{label}\n" for number, label in enumerate(labels))).encode()


@pytest.mark.case("F3", "30 % of the labels are missing")
def test_rows_without_a_label_are_kept_with_a_count(examine_bytes: Examine) -> None:
    found = examine_bytes(rows(*["0", "1", "1", "0", "1", "0", "1", "", "NA", ""] * 10))

    assert len(found.good) == 100
    assert found.part.rows == 70
    assert (found.processed.rows, found.processed.bad_rows, found.processed.unlabelled_rows) == (100, 0, 30)
    assert found.kinds["y"] == "integer"
    assert found.warnings == [
        ("y", 30, "rows without a label are kept for drift detection and left out of training")
    ]


def test_a_label_that_cannot_be_read_is_bad_and_not_unlabelled(examine_bytes: Examine) -> None:
    found = examine_bytes(rows(*["0", "1"] * 50, "x", ""))

    assert found.bad == [(102, "y", "x", "not a whole number")]
    assert found.processed.unlabelled_rows == 1


def test_the_spec_can_still_call_them_bad(examine_bytes: Examine) -> None:
    found = examine_bytes(rows(*["0", "1"] * 50, ""), "{target: y, schema: {y: {nullable: false}}}")

    assert found.bad == [(102, "y", None, "the label is missing")]
    assert found.warnings == []


def test_the_first_file_must_have_a_label_and_later_ones_need_none(examine_bytes: Examine) -> None:
    kept = examine_bytes(rows("0", "1", "1")).part.schema
    later = examine_bytes(rows("", "", ""), kept=kept)

    assert examine_bytes(rows("", "", "")).refusal.reason == "no row has a label"
    assert (later.part.rows, len(later.good), later.processed.unlabelled_rows) == (0, 3, 3)


def test_labels_that_come_late_in_the_first_file_tell_what_labels_are(examine_bytes: Examine) -> None:
    found = examine_bytes(b"a,y\n" + b"0123456789,\n" * 150_000 + b"1,2.5\n2,3\n")

    assert found.kinds["y"] == "number"
    assert found.part.rows == 2


def test_an_unlabelled_row_does_not_displace_the_labelled_one_of_its_entity(examine_bytes: Examine) -> None:
    raw = b"id,a,y\n5,1,\n5,2,1\n5,3,0\n6,4,\n6,5,\n7,1,1\n"
    found = examine_bytes(raw, "{target: y, entity: id, ingest: {tolerated_bad_rows: 0.5}}")

    assert [(row["id"], row["y"]) for row in found.good] == [(5, None), (5, 1), (6, None), (6, None), (7, 1)]
    assert [(row, reason) for row, _, _, reason in found.bad] == [(4, "the same id as in an earlier row")]
