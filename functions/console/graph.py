"""The picture of causes and effects: a box for each, causes above what came of them. Pure.

Boxes stand in layers, by how far each is from its first cause, and in columns: the longest line of effects
goes straight down, and others branch off to the right, each into the first column that is free there. So a
chain without branches is one column wide, which a telephone shows whole. Trees stand one below the other.
Arrows run in the gaps between layers alone, so that none crosses a box. A timer that only rang for what
followed is left out: its effects hang on what set it.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace

from eventing.catalogue import TimerDue
from functions.console.causes import Cause, short

BOX_WIDTH, BOX_HEIGHT = 176, 60
_GAP_X, _GAP_Y, _MARGIN, _BETWEEN_TREES = 20, 30, 6, 24
_CHARS = 26
MOST, MOST_COLUMNS = 150, 12
"""Boxes and columns at most; the list beside the picture has all."""


@dataclass(frozen=True)
class Box:
    """A cause, where it stands, and its lines, cut to the width of the box."""

    cause: Cause
    x: int
    y: int
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Graph:
    """Boxes, arrows as SVG paths, the size of all, and how many did not fit."""

    boxes: tuple[Box, ...]
    arrows: tuple[str, ...]
    width: int
    height: int
    left_out: int


def graph_of(roots: Sequence[Cause]) -> Graph:
    """Draw trees of causes and effects; what is farthest from the roots is left out first."""
    roots = [each for root in roots for each in _without_timers(root)]
    kept, total = _nearest(roots)
    boxes: list[Box] = []
    arrows: list[str] = []
    top = _MARGIN
    for root in roots:
        if id(root) not in kept:
            continue
        positions = _positions(root, kept)
        for cause, layer, column in positions.values():
            box = Box(cause, _x(column), top + layer * (BOX_HEIGHT + _GAP_Y), _lines(cause))
            boxes.append(box)
            for effect in cause.effects:
                if id(effect) in positions:
                    arrows.append(_arrow(box, _x(positions[id(effect)][2])))
        layers = 1 + max(layer for _, layer, _ in positions.values())
        top += layers * (BOX_HEIGHT + _GAP_Y) - _GAP_Y + _BETWEEN_TREES
    width = max((box.x for box in boxes), default=0) + BOX_WIDTH + _MARGIN
    height = max((box.y for box in boxes), default=0) + BOX_HEIGHT + _MARGIN
    return Graph(tuple(boxes), tuple(arrows), width, height, total - len(boxes))


def _without_timers(root: Cause) -> list[Cause]:
    """Return a tree without timers; where its root is one, the trees of its effects."""
    order = [root]
    for cause in order:
        order.extend(cause.effects)
    shown: dict[int, list[Cause]] = {}
    for cause in reversed(order):
        effects = [each for effect in cause.effects for each in shown[id(effect)]]
        if cause.name == short(TimerDue.type) and effects and not cause.asked:
            shown[id(cause)] = effects
        elif all(map(operator.is_, effects, cause.effects)) and len(effects) == len(cause.effects):
            shown[id(cause)] = [cause]
        else:
            shown[id(cause)] = [replace(cause, effects=effects)]
    return shown[id(root)]


def _nearest(roots: Sequence[Cause]) -> tuple[set[int], int]:
    """Return which causes are drawn, and how many there are."""
    order = list(roots)
    for cause in order:
        order.extend(cause.effects)
    return {id(each) for each in order[:MOST]}, len(order)


def _positions(root: Cause, kept: set[int]) -> dict[int, tuple[Cause, int, int]]:
    """Return layer and column of each cause of a tree, by its identity."""
    heights = _heights(root, kept)
    taken: set[tuple[int, int]] = set()
    positions: dict[int, tuple[Cause, int, int]] = {}
    waiting = [(root, 0, 0)]
    while waiting:
        start, first_layer, least_column = waiting.pop()
        line = _straight_line(start, heights)
        column = least_column
        while any((first_layer + at, column) in taken for at in range(len(line))):
            column += 1
        if column >= MOST_COLUMNS:
            continue
        branches = []
        for at, cause in enumerate(line):
            taken.add((first_layer + at, column))
            positions[id(cause)] = (cause, first_layer + at, column)
            below = line[at + 1] if at + 1 < len(line) else None
            branches += [
                (each, first_layer + at + 1, column + 1)
                for each in cause.effects
                if each is not below and id(each) in kept
            ]
        waiting += reversed(branches)
    return positions


def _heights(root: Cause, kept: set[int]) -> dict[int, int]:
    """Return how many layers each cause and its effects take."""
    order = [root]
    for cause in order:
        order.extend(each for each in cause.effects if id(each) in kept)
    heights: dict[int, int] = {}
    for cause in reversed(order):
        heights[id(cause)] = 1 + max((heights.get(id(each), 0) for each in cause.effects), default=0)
    return heights


def _straight_line(start: Cause, heights: dict[int, int]) -> list[Cause]:
    """Return a cause and the longest line of effects from it."""
    line = [start]
    while following := [each for each in line[-1].effects if id(each) in heights]:
        line.append(max(following, key=lambda each: heights[id(each)]))
    return line


def _x(column: int) -> int:
    return _MARGIN + column * (BOX_WIDTH + _GAP_X)


def _arrow(box: Box, to_x: int) -> str:
    """Return a path in the gap below a box; each column turns at a height of its own."""
    middle = BOX_WIDTH // 2
    below, end = box.y + BOX_HEIGHT, box.y + BOX_HEIGHT + _GAP_Y - 2
    if to_x == box.x:
        return f"M{box.x + middle} {below} V{end}"
    turn = below + 8 + 4 * ((box.x - _MARGIN) // (BOX_WIDTH + _GAP_X) % 4)
    return f"M{box.x + middle} {below} V{turn - 6} q0 6 6 6 H{to_x + middle - 6} q6 0 6 6 V{end}"


def _lines(cause: Cause) -> tuple[str, ...]:
    more = sum(cause.folded.values())
    about = f"{cause.subject} +{more} below".strip() if more else cause.subject
    return tuple(_cut(each) for each in (cause.name, about, cause.words) if each)


def _cut(text: str) -> str:
    return text if len(text) <= _CHARS else text[: _CHARS - 1].rstrip() + "…"
