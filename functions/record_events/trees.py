"""Arranges events as trees of causes and effects, with what repeats folded into counts. Pure.

Timers, joined labels and closed windows come by the hundred. Such an event stands in a tree only where it
leads to something else; all others are counted where they would stand.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eventing import catalogue as kinds

NOISE = frozenset(
    {
        kinds.TimerDue.type,
        kinds.FeedbackReceived.type,
        kinds.FeedbackJoined.type,
        kinds.WindowClosed.type,
        kinds.DriftChecked.type,
        kinds.InferenceLogged.type,
        kinds.TrainingProgressed.type,
    }
)
MAX_DEPTH = 100


@dataclass(frozen=True)
class Link:
    """One recorded event, without its content."""

    id: str
    type: str
    subject: str | None
    cause: str | None
    seq: int


@dataclass
class Node:
    """An event in a tree. `folded` counts by type what was left out below it."""

    link: Link
    effects: list[Node] = field(default_factory=list)
    folded: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Trees:
    """Trees in recorded order of their roots.

    `folded` counts what was folded at the top, `left_out` what did not fit; `placed` are the ids of all that
    stands in the trees or is counted.
    """

    roots: list[Node]
    folded: Counter[str]
    left_out: int
    placed: frozenset[str]

    def nodes(self) -> Iterator[Node]:
        """Yield every node, causes before effects."""
        waiting = deque(self.roots)
        while waiting:
            node = waiting.popleft()
            yield node
            waiting.extend(node.effects)


def build_trees(
    links: Iterable[Link], starts: Collection[str], *, most: int, own: str | None = None
) -> Trees:
    """Return the trees of what led to some events, and of all that came of them.

    Args:
        links: everything that may stand in them.
        starts: ids of the events that are explained; they are never folded.
        most: nodes at most; what is farther from the roots is left out first.
        own: the version that is explained: the story of another one's training ends with its approval.
    """
    known: dict[str, Link] = {}
    for link in sorted(links, key=lambda each: each.seq):
        known.setdefault(link.id, link)
    effects: dict[str, list[Link]] = {}
    for link in known.values():
        if link.cause in known and link.cause is not None:
            effects.setdefault(link.cause, []).append(link)
    paths, tops = _causes(known, starts)
    shown = paths | _descendants(effects, [id_ for id_ in starts if id_ in known], own)
    planted = _grow(effects, tops, known, shown)
    return _prune(_fold(planted, frozenset(starts), frozenset(shown)), most)


def _causes(known: Mapping[str, Link], starts: Iterable[str]) -> tuple[set[str], list[str]]:
    """Return all causes of the starts with these, and the first causes in recorded order."""
    paths: set[str] = set()
    tops: dict[str, None] = {}
    for start in sorted((id_ for id_ in starts if id_ in known), key=lambda id_: known[id_].seq):
        at, walked = start, {start}
        while (cause := known[at].cause) is not None and cause in known and cause not in walked:
            at = cause
            walked.add(at)
        paths |= walked
        tops[at] = None
    return paths, sorted(tops, key=lambda id_: known[id_].seq)


def _descendants(effects: Mapping[str, Sequence[Link]], starts: Iterable[str], own: str | None) -> set[str]:
    found = set(starts)
    waiting = list(found)
    while waiting:
        for link in effects.get(waiting.pop(), ()):
            if link.id in found:
                continue
            found.add(link.id)
            foreign = own is not None and link.type == kinds.TrainingApproved.type and link.subject != own
            if not foreign:
                waiting.append(link.id)
    return found


def _grow(
    effects: Mapping[str, Sequence[Link]], tops: Iterable[str], known: Mapping[str, Link], shown: set[str]
) -> list[Node]:
    placed: set[str] = set()
    roots = []
    for top in tops:
        if top in placed:
            continue
        root = Node(known[top])
        placed.add(top)
        roots.append(root)
        waiting = deque([root])
        while waiting:
            node = waiting.popleft()
            for link in effects.get(node.link.id, ()):
                if link.id in shown and link.id not in placed:
                    placed.add(link.id)
                    node.effects.append(Node(link))
            waiting.extend(node.effects)
    return roots


def _fold(roots: list[Node], starts: frozenset[str], placed: frozenset[str]) -> Trees:
    """Fold from the leaves up: what repeats and leads to nothing, or only to more of it, is counted."""
    top = Node(Link("", "", None, None, 0), list(roots))
    order = [top]
    for node in order:
        order.extend(node.effects)
    for node in reversed(order):
        kept: list[Node] = []
        for effect in node.effects:
            if not _is_folded(effect, starts):
                kept.append(effect)
                continue
            kept += effect.effects
            node.folded += effect.folded + Counter({effect.link.type: 1})
        node.effects = kept
    return Trees(top.effects, top.folded, 0, placed)


def _is_folded(node: Node, starts: frozenset[str]) -> bool:
    if node.link.type not in NOISE or node.link.id in starts:
        return False
    return not node.effects or (len(node.effects) == 1 and node.effects[0].link.type in NOISE)


def _prune(trees: Trees, most: int) -> Trees:
    """Keep the nodes nearest to the roots, down to a depth that JSON can be nested."""
    every = list(trees.nodes())
    depth = {id(node): 1 for node in trees.roots}
    for node in every:
        depth |= {id(effect): depth[id(node)] + 1 for effect in node.effects}
    kept = {id(node) for node in every[:most] if depth[id(node)] <= MAX_DEPTH}
    for node in every:
        node.effects = [effect for effect in node.effects if id(effect) in kept]
    roots = [root for root in trees.roots if id(root) in kept]
    return Trees(roots, trees.folded, len(every) - len(kept), trees.placed)


def render(node: Node, events: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return a node as JSON values: `{"event", "effects", "folded"}`."""
    return {
        "event": events[node.link.id],
        "effects": [render(effect, events) for effect in node.effects],
        "folded": dict(sorted(node.folded.items())),
    }
