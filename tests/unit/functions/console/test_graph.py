"""The picture of causes and effects."""

from __future__ import annotations

import re
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from functions.console.causes import Cause, every
from functions.console.graph import BOX_HEIGHT, BOX_WIDTH, MOST, MOST_COLUMNS, Graph, graph_of

TELEPHONE = 360 - 2 * 16 - 2


def cause(name: str, *effects: Cause) -> Cause:
    return Cause(name, name, "churn/v1", "", "", effects=list(effects))


def chain(length: int) -> Cause:
    return cause(f"e{length}", *([chain(length - 1)] if length > 1 else []))


def places(graph: Graph) -> dict[str, tuple[int, int]]:
    return {box.cause.name: (box.x, box.y) for box in graph.boxes}


def test_a_chain_without_branches_goes_straight_down_and_fits_a_telephone() -> None:
    graph = graph_of([chain(9)])

    assert len({x for x, _ in places(graph).values()}) == 1
    assert graph.width <= TELEPHONE
    assert len(graph.arrows) == 8


def test_the_longest_line_goes_straight_down_and_others_branch_off_to_its_right() -> None:
    found = places(graph_of([cause("root", cause("short"), cause("long", cause("end")))]))

    assert found["root"][0] == found["long"][0] == found["end"][0] < found["short"][0]
    assert found["root"][1] < found["long"][1] == found["short"][1]


def test_branches_at_different_heights_share_a_column() -> None:
    found = places(graph_of([cause("a", cause("b", cause("c", cause("d")), cause("low")), cause("high"))]))

    assert found["low"][0] == found["high"][0]


def test_trees_stand_one_below_the_other() -> None:
    found = places(graph_of([cause("first", cause("effect")), cause("second")]))

    assert found["first"][0] == found["second"][0]
    assert found["second"][1] >= found["effect"][1] + BOX_HEIGHT


def test_too_much_is_left_out_and_counted() -> None:
    wide = graph_of([cause("root", *(cause(f"e{number}") for number in range(40)))])
    deep = graph_of([chain(MOST), chain(20)])

    assert (len(wide.boxes), wide.left_out) == (1 + MOST_COLUMNS, 40 - MOST_COLUMNS)
    assert (len(deep.boxes), deep.left_out) == (MOST, 20)
    assert graph_of([]).left_out == 0


def test_long_words_are_cut_and_what_is_folded_is_counted() -> None:
    event = Cause("e", "a" * 40, "churn", "w" * 40, "", folded={"timer.due": 3, "window.closed": 2})

    (box,) = graph_of([event]).boxes

    assert box.lines == ("a" * 25 + "…", "churn +5 below", "w" * 25 + "…")


def trees() -> st.SearchStrategy[Cause]:
    leaves = st.builds(lambda: cause("e"))
    return st.recursive(leaves, lambda below: st.lists(below, max_size=5).map(lambda of: cause("e", *of)))


@settings(max_examples=200, deadline=None)
@given(st.lists(trees(), max_size=4))
def test_no_boxes_overlap_and_each_arrow_leads_from_a_box_to_one_below(roots: list[Cause]) -> None:
    graph = graph_of(roots)

    at = [(box.x, box.y) for box in graph.boxes]
    assert len(at) + graph.left_out == len(list(every(roots)))
    for row in {y for _, y in at}:
        for left, right in pairwise(sorted(x for x, y in at if y == row)):
            assert right - left > BOX_WIDTH
    for one, other in pairwise(sorted({y for _, y in at})):
        assert other - one > BOX_HEIGHT
    assert all(x + BOX_WIDTH < graph.width and y + BOX_HEIGHT < graph.height for x, y in at)
    middle = BOX_WIDTH // 2
    starts = {(x + middle, y + BOX_HEIGHT) for x, y in at}
    ends = {(x + middle, y - 2) for x, y in at}
    for arrow in graph.arrows:
        assert tuple(map(int, re.findall(r"^M(\d+) (\d+)", arrow)[0])) in starts
        over = re.findall(r"H(\d+)", arrow)
        x = int(over[0]) + 6 if over else int(arrow[1:].split()[0])
        assert (x, int(arrow.rpartition("V")[2])) in ends
    assert (
        len(set(graph.arrows))
        == len(graph.arrows)
        == len(at) - sum(1 for root in roots if any(box.cause is root for box in graph.boxes))
    )


def test_a_timer_that_rang_for_something_is_left_out_and_one_that_is_asked_about_is_not() -> None:
    ringing = cause("timer.due", cause("rollout.started"))
    graph = graph_of([cause("model.approved", ringing, cause("timer.due"))])

    assert list(places(graph)) == ["model.approved", "rollout.started", "timer.due"]
    assert len(graph.arrows) == 2

    ringing.asked = True
    assert "timer.due" in places(graph_of([ringing]))
    assert list(places(graph_of([cause("timer.due", cause("a"), cause("b"))]))) == ["a", "b"]
