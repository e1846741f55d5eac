"""From `features:` of model.yaml files to views."""

from __future__ import annotations

from collections.abc import Callable

from pipelines.features.view import View, Window
from pipelines.spec import ModelSpec
from pipelines.spec.features import Features, ViewSpec
from pipelines.spec.problems import nearest

OtherSpec = Callable[[str], ModelSpec | None]
"""Returns the spec in force of another model, or None when there is none."""


class UnknownView(Exception):
    """`features.use` names a view that its model does not define (yet); the message says which is nearest."""


def own_views(spec: ModelSpec) -> tuple[View, ...]:
    """Return the views that a model defines itself, in order."""
    if spec.features is None:
        return ()
    return tuple(_view(spec, spec.features, view) for view in spec.features.views)


def views_of(spec: ModelSpec, other: OtherSpec) -> tuple[View, ...]:
    """Return the views whose features a model takes: its own, then those it uses.

    Raises:
        UnknownView: it uses a view that is not there.
    """
    if spec.features is None:
        return ()
    return (*own_views(spec), *(_used(name, other) for name in spec.features.use))


def _used(name: str, other: OtherSpec) -> View:
    owner, _, wanted = name.partition("/")
    spec = other(owner)
    if spec is None:
        raise UnknownView(f"features.use names {name}, and there is no model.yaml of {owner}")
    views = {view.name: view for view in own_views(spec)}
    if wanted not in views:
        known = nearest(wanted, list(views)) if views else f"{owner} defines no view"
        raise UnknownView(f"features.use names {name}, which {owner} does not define: {known}")
    return views[wanted]


def _view(spec: ModelSpec, features: Features, view: ViewSpec) -> View:
    entity = view.entity or features.entity or ((spec.entity,) if spec.entity else ())
    return View(
        model=spec.model,
        name=view.name,
        entity=entity,
        timestamp=view.timestamp or features.timestamp or spec.timestamp or "",
        dataset=None if view.path else view.dataset or spec.model,
        path=view.path,
        ttl=view.ttl,
        fields=view.fields,
        windows=tuple(Window(each.name, each.function, each.of, each.window) for each in view.aggregations),
    )
