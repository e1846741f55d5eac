"""Looks up what a request by entity leaves out: the newest values of the model's features, in one question.

A column that the request has is used as it is sent; every other feature of the plan is looked up by the
columns that name the entity. What the feature store does not have, or not in time, is dealt with as the
model's policy says, and is told: in the answer, in the metrics, in the process's log.
"""

from __future__ import annotations

import asyncio
import difflib
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from functions.serve_model.complaints import Complaints
from functions.serve_model.errors import BadRequest, FeatureMissing, FeaturesAway, NoFeatures, TooLarge
from functions.serve_model.feature_server import FeatureServer
from functions.serve_model.feature_values import Found, State, Values, question, read_answer
from functions.serve_model.logic import Inputs
from functions.serve_model.metrics import LookupMetrics
from functions.serve_model.model import Model
from functions.serve_model.tensors import Values as Column
from functions.serve_model.tensors import shown
from pipelines.features.expressions import Expression
from pipelines.features.plan import Key, LookedUp, LookupPlan
from pipelines.values.form import PLAIN, Form
from pipelines.values.reading import NotRead, read_number, read_value

Sent = Mapping[str, Column]
Entity = tuple[Any, ...]


@dataclass(frozen=True)
class Question:
    """What is to be looked up for a request: these features of these entities, each entity once.

    `places`: of each row, the entity that it is about; None where the row names none.
    """

    features: tuple[LookedUp, ...]
    entities: tuple[Entity, ...]
    positions: tuple[int | None, ...]


@dataclass(frozen=True)
class Completed:
    """A request's columns with all that was looked up or computed.

    Attributes:
        keys: the columns that name the entities, where something was looked up.
        looked_up: the features that were, with their references, and those computed with their expressions.
        missing: of each row the features that are stood in for; empty where every value was found.
    """

    columns: dict[str, Column]
    keys: Mapping[str, Column]
    looked_up: Mapping[str, str]
    missing: list[list[str]]


class Lookup:
    """The lookups of one model. `keys`: the columns that name an entity.

    Args:
        max_entities: in one request.
    """

    def __init__(
        self,
        model: Model,
        plan: LookupPlan,
        server: FeatureServer,
        *,
        max_entities: int,
        clock: Callable[[], float],
        metrics: LookupMetrics,
    ) -> None:
        self._plan, self._server, self._clock, self._metrics = plan, server, clock, metrics
        self._max_entities = max_entities
        metrics.shown = True
        self._names, self._entity = model.encoding.names, model.entity
        self._forms = {feature.name: feature.form for feature in model.encoding.features}
        self.keys = tuple(key.name for key in plan.keys)
        expressions = {name: Expression.parse(text) for name, text in plan.expressions.items()}
        # A model that was made elsewhere may read less than its model.yaml has.
        self._needed = set(self._names)
        for name in reversed(expressions):
            if name in self._needed:
                self._needed |= set(expressions[name].names)
        self._features = tuple(each for each in plan.features if each.name in self._needed)
        self._expressions = {name: each for name, each in expressions.items() if name in self._needed}
        self._complaints = Complaints()

    def question(self, inputs: Inputs, rows: int) -> Question | None:
        """Return what to ask about a request; None where it has all features.

        Raises:
            BadRequest: a column is unknown, nothing names the entity, or what does cannot be read.
            TooLarge: there are too many rows.
        """
        if isinstance(inputs, np.ndarray) or not rows:
            return None
        features = tuple(each for each in self._features if each.name not in inputs)
        if not features:
            return None
        self._check_names(inputs)
        unnamed = [name for name in self.keys if name not in inputs]
        if unnamed:
            lacking = ", ".join(each.name for each in features)
            raise BadRequest(
                f"got no {lacking}: send them, or {' and '.join(unnamed)} to have them looked up"
            )
        if rows > self._max_entities:
            raise TooLarge(
                f"{rows} rows are to be looked up: at most {self._max_entities} are in one request "
                "(MAX_ENTITIES); split the batch"
            )
        columns = [_read_key(key, inputs[key.name], rows) for key in self._plan.keys]
        entities: dict[Entity, int] = {}
        positions = [
            None if None in entity else entities.setdefault(entity, len(entities))
            for entity in zip(*columns, strict=True)
        ]
        return Question(features, tuple(entities), tuple(positions))

    async def find(self, asked: Question) -> Found:
        """Ask the feature server; what it does not give in time is away. Raises: FeaturesAway."""
        rows = len(asked.entities)
        if not rows:
            return {each.name: Values([], [], []) for each in asked.features}
        keys = dict(zip(self.keys, map(list, zip(*asked.entities, strict=True)), strict=True))
        began = time.perf_counter()
        try:
            raw = await self._server.ask(question(asked.features, keys), self._plan.deadline_s)
            found = read_answer(raw, asked.features, rows, self._clock())
        except NoFeatures as error:
            self._metrics.lookup(error.outcome, time.perf_counter() - began)
            self._complaints.say(f"the feature server: {error}")
            if self._plan.missing == "refuse":
                raise FeaturesAway(f"features cannot be looked up: {error}") from error
            return {each.name: Values.away(rows) for each in asked.features}
        self._metrics.lookup("answered", time.perf_counter() - began)
        return found

    async def close(self) -> None:
        """Close the connections to the feature server."""
        await self._server.close()

    def find_from_thread(self, asked: Question, loop: asyncio.AbstractEventLoop) -> Found:
        """Ask from a thread beside the event loop. Raises: FeaturesAway."""
        return asyncio.run_coroutine_threadsafe(self.find(asked), loop).result()

    def complete(self, inputs: Sent, rows: int, asked: Question | None, found: Found) -> Completed:
        """Put what was found beside what was sent, and compute the expressions.

        Raises: FeatureMissing, naming the first entity that lacks a value.
        """
        columns: dict[str, Column] = dict(inputs)
        keys: dict[str, Column] = {}
        looked_up: dict[str, str] = {}
        missing: list[list[str]] = [[] for _ in range(rows)]
        if asked is not None:
            keys = {name: inputs[name] for name in self.keys}
            for each in asked.features:
                columns[each.name] = self._column(each, asked, found[each.name], missing)
                looked_up[each.name] = each.reference
        self._compute(columns, looked_up, rows)
        only_for_this = {*self.keys, *self._needed} - {*self._names, self._entity}
        for name in only_for_this & columns.keys():
            del columns[name]
        return Completed(columns, keys, looked_up, missing if any(missing) else [])

    def own(self, inputs: Sent, looked_up: Mapping[str, str]) -> dict[str, Column]:
        """Leave out what another version looked up or computed in another way than this one does.

        Args:
            looked_up: as that version's `Completed` has it.
        """
        mine = {each.name: each.reference for each in self._features} | dict(self._plan.expressions)
        return {
            name: values
            for name, values in inputs.items()
            if name not in looked_up or mine.get(name, looked_up[name]) == looked_up[name]
        }

    def _compute(self, columns: dict[str, Column], looked_up: dict[str, str], rows: int) -> None:
        for name, expression in self._expressions.items():
            if name in columns or any(each not in columns for each in expression.names):
                continue  # a feature that it needs is missing: the model's encoding says so
            numbers = {
                each: _numbers(each, columns[each], self._forms.get(each, PLAIN)) for each in expression.names
            }
            found = expression.evaluate(numbers)
            columns[name] = np.broadcast_to(found, (rows,)) if found.ndim == 0 else found
            looked_up[name] = expression.text

    def _column(
        self, feature: LookedUp, asked: Question, found: Values, missing: list[list[str]]
    ) -> list[Any]:
        states = [State.MISSING if place is None else found.states[place] for place in asked.positions]
        for state in State:
            self._metrics.values(state.value, states.count(state))
        if all(state is State.FOUND for state in states):
            return [found.values[place] for place in asked.positions if place is not None]
        if self._plan.missing == "refuse":
            self._refuse(feature, asked, found, states)
        stand_in = feature.default if self._plan.missing == "default" else None
        column = []
        for row, (place, state) in enumerate(zip(asked.positions, states, strict=True)):
            column.append(found.values[place] if state is State.FOUND and place is not None else stand_in)
            if state is not State.FOUND:
                missing[row].append(feature.name)
        self._complaints.say(f"'{feature.name}' is missing or stale, {stand_in!r} is taken for it")
        return column

    def _refuse(self, feature: LookedUp, asked: Question, found: Values, states: list[State]) -> None:
        row = next(row for row, state in enumerate(states) if state is not State.FOUND)
        place = asked.positions[row]
        if place is None:
            raise FeatureMissing(f"row {row} names no entity: {', '.join(self.keys)} must not be null")
        named = zip(self.keys, asked.entities[place], strict=True)
        entity = ", ".join(f"{name} {shown(value)}" for name, value in named)
        why = f"is stale: its newest value is of {found.at[place]}" if found.at[place] else "has no value"
        raise FeatureMissing(f"row {row}, {entity}: feature '{feature.name}' {why}")

    def _check_names(self, inputs: Sent) -> None:
        known = {*self._needed, *self.keys}
        for name in inputs:
            if name not in known:
                near = difflib.get_close_matches(name, sorted(known), n=1)
                hint = f"did you mean '{near[0]}'?" if near else f"expected {', '.join(sorted(known)[:20])}"
                raise BadRequest(f"'{name}' is neither a feature nor an entity of this model: {hint}")


def _numbers(name: str, values: Column, form: Form) -> NDArray[np.float64]:
    """Read a column that an expression needs. Raises: BadRequest."""
    numbers = np.full(len(values), np.nan)
    for row, value in enumerate(values):
        try:
            number = read_number(value, form)
            numbers[row] = math.nan if number is None else float(number)
        except OverflowError:  # more digits than any float holds: as good as not known
            continue
        except NotRead as error:
            raise BadRequest(f"row {row}: '{name}' must be a number or null, got {shown(value)}") from error
    return numbers


def _read_key(key: Key, values: Column, rows: int) -> list[Any]:
    """Return the values of a column that names the entity, as the feature store has them."""
    if len(values) != rows:
        raise BadRequest(f"'{key.name}' has {len(values)} values for {rows} rows")
    listed = values.tolist() if isinstance(values, np.ndarray) else values
    read: list[Any] = []
    for row, value in enumerate(listed):
        try:
            read.append(read_value(value, key.kind))
        except NotRead as error:
            raise BadRequest(
                f"row {row}: '{key.name}' must be of kind {key.kind}, got {shown(value)}"
            ) from error
    return read
