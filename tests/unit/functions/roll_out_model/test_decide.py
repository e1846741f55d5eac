"""Tests of what becomes of an approval."""

from __future__ import annotations

import pytest

from functions.roll_out_model.decide import Admission, admit


@pytest.mark.parametrize(
    ("version", "champion", "active", "queued", "by_person", "expected"),
    [
        (1, None, None, None, False, Admission.START),
        (2, 1, None, None, False, Admission.START),
        (2, None, 2, None, False, Admission.UNDER_WAY),
        (3, None, 2, 3, True, Admission.UNDER_WAY),
        (3, None, 2, None, False, Admission.QUEUE),
        (4, None, 2, 3, False, Admission.QUEUE),
        (3, None, 2, 4, False, Admission.SUPERSEDED),
        (2, 3, None, None, False, Admission.SUPERSEDED),
        (2, 3, None, None, True, Admission.START),
        (1, 2, 3, None, True, Admission.QUEUE),
        (2, 2, None, None, False, Admission.CHAMPION),
        (2, 2, None, None, True, Admission.CHAMPION),
        (2, 2, 3, None, False, Admission.CHAMPION),
    ],
)
def test_an_approval_is_admitted_by_what_is_under_way(
    version: int,
    champion: int | None,
    active: int | None,
    queued: int | None,
    by_person: bool,
    expected: Admission,
) -> None:
    found = admit(version, champion=champion, active=active, queued=queued, by_person=by_person)
    assert found is expected
