"""Rules of `features:` that reach beyond one key: names that must be there, or must not stand twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from eventing.catalogue import Problem
from pipelines.features.expressions import Expression, ExpressionError
from pipelines.spec.features import Features, ViewSpec
from pipelines.spec.model import ModelSpec
from pipelines.spec.problems import nearest


def check_features(spec: ModelSpec) -> Iterable[Problem]:
    """Yield a problem for each rule that is broken."""
    features = spec.features
    if features is None:
        return
    yield from _check_content(features)
    yield from _check_policy(features)
    taken = {spec.target: "the target"}
    names: set[str] = set()
    for number, view in enumerate(features.views):
        where = f"features.views[{number}]"
        if view.name in names:
            yield _problem(f"{where}.name", f"a second view is called {view.name}", "give it another name")
        names.add(view.name)
        yield from _check_view(spec, features, view, where)
        yield from _check_names(view, taken, where)
    for name, text in features.expressions.items():
        where = f"features.expressions.{name}"
        if name in taken:
            yield _problem(where, f"{name!r} is {taken[name]} already", "give it another name")
        yield from _check_expression(where, text, spec.target)


def _check_content(features: Features) -> Iterator[Problem]:
    if not (features.views or features.use or features.expressions):
        yield _problem("features", "no views, use or expressions", "add one of them, or leave `features` out")
    if len(set(features.use)) < len(features.use):
        yield _problem("features.use", "a view stands here twice", "name each once")


def _check_policy(features: Features) -> Iterator[Problem]:
    if features.defaults and features.missing != "default":
        fix = "write `missing: default`, or leave `defaults` out"
        yield _problem("features.defaults", f"defaults, and `missing` is {features.missing}", fix)
    known = [name for view in features.views for name in view.features] + list(features.expressions)
    for name in features.defaults:
        if name not in known and not features.use:
            yield _problem(f"features.defaults.{name}", f"there is no feature {name!r}", nearest(name, known))


def _check_view(spec: ModelSpec, features: Features, view: ViewSpec, where: str) -> Iterator[Problem]:
    entity = view.entity or features.entity or ((spec.entity,) if spec.entity else ())
    timestamp = view.timestamp or features.timestamp or spec.timestamp
    if not entity:
        fix = "write `entity: customer_id` under features, with the column that names it"
        yield _problem(where, "nothing says which entity its rows are of", fix)
    if timestamp is None:
        fix = "write `timestamp: event_time` under features, with the column that says when"
        yield _problem(where, "nothing says when its rows became true", fix)
    both = next((name for name in view.features if name in entity), None)
    if both is not None:
        yield _problem(where, f"{both!r} is the entity, and a feature too", "name one of them otherwise")
    if view.path is None and view.dataset in (None, spec.model):
        yield from _check_target(spec, view, where)


def _check_target(spec: ModelSpec, view: ViewSpec, where: str) -> Iterator[Problem]:
    """Yield a problem where a view of this model's own rows holds what is to be predicted."""
    fix = f"leave {spec.target!r} out: at the moment of a prediction it is not known yet"
    if spec.target in view.fields:
        yield _problem(f"{where}.fields", "the target is among them", fix)
    for number, each in enumerate(view.aggregations):
        if each.of == spec.target:
            yield _problem(f"{where}.aggregations[{number}].of", "it is the target", fix)


def _check_names(view: ViewSpec, taken: dict[str, str], where: str) -> Iterator[Problem]:
    for name in view.features:
        if name in taken:
            fix = "give it another name with `as`, or leave it out"
            yield _problem(where, f"the feature {name!r} is {taken[name]} already", fix)
        taken.setdefault(name, f"a feature of {view.name}")


def _check_expression(where: str, text: str, target: str) -> Iterator[Problem]:
    try:
        expression = Expression.parse(text)
    except ExpressionError as error:
        yield _problem(where, str(error), "write, for example, `ratio: amount / amount_sum_7d`")
        return
    if target in expression.names:
        yield _problem(where, "it needs the target", "at the moment of a prediction it is not known yet")


def _problem(where: str, problem: str, fix: str) -> Problem:
    return Problem(where=where, problem=problem, fix=fix)
