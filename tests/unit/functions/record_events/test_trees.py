"""Trees hold every event once, whatever names what as its cause, and fold what repeats."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from eventing import catalogue as kinds
from functions.record_events.trees import MAX_DEPTH, NOISE, Link, Node, Trees, build_trees, render

PLAIN = "com.example.step"


def link(number: int, cause: int | None, type_: str = PLAIN, subject: str = "churn") -> Link:
    return Link(str(number), type_, subject, None if cause is None else str(cause), number)


def flat(nodes: list[Node]) -> list[str]:
    return [id_ for node in nodes for id_ in (node.link.id, *flat(node.effects))]


def folded(trees: Trees) -> int:
    return sum(trees.folded.values()) + sum(sum(node.folded.values()) for node in trees.nodes())


def test_effects_stand_under_their_cause_in_recorded_order() -> None:
    trees = build_trees([link(0, 9), link(1, 0), link(2, 0), link(3, 1)], ["0"], most=99)
    assert flat(trees.roots) == ["0", "1", "3", "2"]


def test_a_cause_is_shown_without_what_else_came_of_it() -> None:
    trees = build_trees([link(0, None), link(1, 0), link(2, 0), link(3, 1)], ["1"], most=99)
    assert flat(trees.roots) == ["0", "1", "3"]


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.tuples(st.integers(0, 12), st.sampled_from([PLAIN, kinds.TimerDue.type])), max_size=12),
    st.sets(st.integers(0, 12), max_size=4),
)
def test_no_event_is_lost_or_stands_twice_even_when_causes_run_in_circles(
    events: list[tuple[int, str]], starts: set[int]
) -> None:
    links = [link(number, cause, type_) for number, (cause, type_) in enumerate(events)]
    trees = build_trees(links, {str(start) for start in starts}, most=99)
    found = flat(trees.roots)
    assert len(found) == len(set(found))
    assert {str(start) for start in starts if start < len(events)} <= set(found)
    plain = build_trees(
        [link(number, cause) for number, (cause, _) in enumerate(events)],
        {str(start) for start in starts},
        most=99,
    )
    assert len(found) + folded(trees) == len(flat(plain.roots))


def test_what_repeats_is_counted_and_what_it_leads_to_is_kept() -> None:
    timers = [link(number, number - 1, kinds.TimerDue.type) for number in range(1, 31)]
    joins = [link(100 + number, number, kinds.FeedbackJoined.type) for number in range(1, 31)]
    alarm = link(200, 30, kinds.PerformanceDegraded.type)
    trees = build_trees([link(0, None), *timers, *joins, alarm], ["0"], most=99)
    (root,) = trees.roots
    (timer,) = root.effects
    assert timer.link.id == "30"
    assert [effect.link for effect in timer.effects] == [alarm]
    assert timer.folded == {kinds.FeedbackJoined.type: 1}
    assert root.folded == {kinds.TimerDue.type: 29, kinds.FeedbackJoined.type: 29}


def test_what_is_explained_is_never_folded() -> None:
    (root,) = build_trees([link(0, None, kinds.TimerDue.type)], ["0"], most=99).roots
    assert root.link.id == "0"


def test_another_versions_story_ends_with_its_approval() -> None:
    links = [
        link(0, None, kinds.DriftDetected.type, "churn/v1"),
        link(1, 0, kinds.TrainingApproved.type, "churn/v2"),
        link(2, 1, kinds.TrainingCompleted.type, "churn/v2"),
    ]
    assert flat(build_trees(links, ["0"], most=99, own="churn/v1").roots) == ["0", "1"]
    assert flat(build_trees(links, ["0"], most=99).roots) == ["0", "1", "2"]
    assert flat(build_trees(links, ["1", "2"], most=99, own="churn/v2").roots) == ["0", "1", "2"]


def test_what_does_not_fit_is_counted() -> None:
    wide = build_trees([link(0, None), *(link(number, 0) for number in range(1, 21))], ["0"], most=15)
    assert (len(flat(wide.roots)), wide.left_out) == (15, 6)
    deep = build_trees([link(0, None), *(link(n, n - 1) for n in range(1, 301))], ["0"], most=500)
    assert (len(flat(deep.roots)), deep.left_out) == (MAX_DEPTH, 301 - MAX_DEPTH)


def test_a_node_is_rendered_with_its_event_and_what_was_folded() -> None:
    trees = build_trees([link(0, None), link(1, 0, kinds.TimerDue.type)], ["0"], most=9)
    assert render(trees.roots[0], {"0": {"id": "0"}}) == {
        "event": {"id": "0"},
        "effects": [],
        "folded": {kinds.TimerDue.type: 1},
    }


def test_every_type_that_is_folded_is_in_the_catalogue() -> None:
    assert set(kinds.PAYLOADS) >= NOISE
