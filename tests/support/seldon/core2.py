"""Plays Seldon Core 2: the operator's reconcilers, the scheduler's memory, and the routes in Envoy.

What it does was read in SeldonIO/seldon-core, branch v2 of January 2026: operator/controllers/mlops,
operator/scheduler, scheduler/pkg/store/experiment and scheduler/pkg/envoy/processor. Its traps:

- A status says nothing of which spec it is about; the old one stands until the change was acted on.
- What the scheduler refuses shows as condition ModelReady, also of an Experiment, which stays for good; the
  old route stays, and Ready.
- A route is built candidate by candidate. At one without a replica it is left as far as it came.
- A mirror that is a candidate as well is refused; so is a Model whose name has a dot.
- An object is gone only when its finalizer is, some time after its deletion.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from support.playing import Json, Player, set_condition, set_ready

GROUP, VERSION = "mlops.seldon.io", "v1alpha1"
_FINALIZERS = {"models": "seldon.model.finalizer", "experiments": "seldon.experiment.finalizer"}
_EXPERIMENT = ("ExperimentReady", "CandidatesReady", "MirrorReady")


@dataclass
class _Model:
    """What the scheduler knows of a Model."""

    uid: str
    spec: Json
    state: str = "ModelProgressing"
    reason: str = ""


@dataclass
class Experiment:
    """What the scheduler knows of an Experiment."""

    uid: str
    generation: int
    spec: Json


@dataclass
class Route:
    """Where Envoy sends the requests of one name: clusters with weights, and who gets copies."""

    clusters: list[tuple[str, int]] = field(default_factory=list)
    mirror: str | None = None


class Core2(Player):
    """Seldon Core 2. Models stay in progress until `finish` is called."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.routes: dict[str, Route] = {}
        self.models: dict[str, _Model] = {}
        self.experiments: dict[str, Experiment] = {}
        self.broken: set[str] = set()
        self._finished: set[str] = set()

    def outcome(self, name: str, spec: Json) -> str | None:
        """Return why a Model could not be loaded, empty where it was; None while it is under way."""
        if name not in self._finished:
            return None
        given = {each["name"]: each["value"] for each in spec.get("parameters", [])}
        if given.get("sha256") == "0" * 64:
            return f"rpc error: cannot load {name}: it is not the approved model"
        return ""

    def finish(self, name: str) -> None:
        """Let the load of a Model come to its end."""
        self._finished.add(name)

    def answerer(self, url: str) -> str | None:
        """Return the Model that answers most requests at an address; None: 404."""
        _, _, name = urlsplit(url).path.partition("/v2/models/")
        clusters = (self.routes.get(name) or Route()).clusters
        return max(clusters, key=lambda each: each[1])[0] if clusters else None

    def act(self) -> None:
        for body in self.listed(GROUP, VERSION, "models"):
            if self.is_due(body):
                self._model(body)
        for name, model in list(self.models.items()):
            self._load(name, model)
        for body in self.listed(GROUP, VERSION, "experiments"):
            if self.is_due(body):
                self._experiment(body)

    def _model(self, body: Json) -> None:
        name, metadata = body["metadata"]["name"], body["metadata"]
        if "deletionTimestamp" in metadata:
            if self.models.pop(name, None) is not None:
                self._finished.discard(name)
                self._tell_experiments(name)
            self._finalize("models", body, on=False)
            return
        self._finalize("models", body, on=True)
        if name not in self.models or self.models[name].uid != metadata["uid"]:
            if "." in name:
                self._say_model(name, "ModelFailed", f"Model {name} does not have a valid name")
                return
            self.models[name] = _Model(metadata["uid"], body["spec"])
            self._say_model(name, "ModelProgressing", "")

    def _load(self, name: str, model: _Model) -> None:
        """Load, or unload what broke; a state that changed is told."""
        state, reason = model.state, model.reason
        if name in self.broken:
            state, reason = "ModelFailed", "the server's replica has gone"
        elif (outcome := self.outcome(name, model.spec)) is not None:
            state, reason = ("ModelFailed", outcome) if outcome else ("ModelAvailable", "")
        if (state, reason) != (model.state, model.reason):
            model.state, model.reason = state, reason
            self._say_model(name, state, reason)
            self._tell_experiments(name)

    def _experiment(self, body: Json) -> None:
        name, metadata, spec = body["metadata"]["name"], body["metadata"], body["spec"]
        if "deletionTimestamp" in metadata:
            if self.experiments.pop(name, None) is not None:
                self.routes.pop(f"{name}.experiment", None)
            self._finalize("experiments", body, on=False)
            return
        self._finalize("experiments", body, on=True)
        known = self.experiments.get(name)
        if known is not None and (known.uid, known.generation) == (metadata["uid"], metadata["generation"]):
            return
        refusal = _refusal(name, spec)
        if refusal is not None:
            conditions = (body.get("status") or {}).get("conditions") or []
            set_condition(conditions, self.clock.stamp(), "ModelReady", False, refusal)
            self._say("experiments", name, {"conditions": conditions})
            return
        started = Experiment(metadata["uid"], metadata["generation"], spec)
        self.experiments[name] = started
        self._say_experiment(name, started, False, "")
        self.update(name, started)

    def _tell_experiments(self, model: str) -> None:
        for name, experiment in list(self.experiments.items()):
            mirror = (experiment.spec.get("mirror") or {}).get("name")
            if model in (mirror, *(each["name"] for each in experiment.spec["candidates"])):
                self.update(name, experiment)

    def update(self, name: str, experiment: Experiment) -> None:
        """Build the route anew, and tell how it went."""
        route = self.routes[f"{name}.experiment"] = Route()
        mirror = experiment.spec.get("mirror")
        for target in (*experiment.spec["candidates"], *([mirror] if mirror else [])):
            if not self._is_available(target["name"]):
                said = f"no live replica for model {target['name']} for model route {name}.experiment"
                self._say_experiment(name, experiment, False, said)
                return
            if target is mirror:
                route.mirror = target["name"]
            else:
                route.clusters.append((target["name"], target["weight"]))
        self._say_experiment(name, experiment, True, "experiment active")

    def _is_available(self, name: str) -> bool:
        return name in self.models and self.models[name].state == "ModelAvailable"

    def _say_model(self, name: str, state: str, reason: str) -> None:
        conditions = self._conditions("models", name)
        now = self.clock.stamp()
        set_condition(conditions, now, "ModelReady", state == "ModelAvailable", reason, state)
        set_ready(conditions, now, ("ModelReady",))
        self._say("models", name, {"conditions": conditions, "modelgwReady": state})

    def _say_experiment(self, name: str, experiment: Experiment, active: bool, said: str) -> None:
        body = self.api.get_namespaced_custom_object(GROUP, VERSION, self.namespace, "experiments", name)
        if body["metadata"]["generation"] != experiment.generation:
            return  # about a spec that is no longer
        mirror = experiment.spec.get("mirror")
        ready = all(self._is_available(each["name"]) for each in experiment.spec["candidates"])
        copied = mirror is None or self._is_available(mirror["name"])
        conditions, now = (body.get("status") or {}).get("conditions") or [], self.clock.stamp()
        set_condition(conditions, now, "ExperimentReady", active, said)
        set_condition(conditions, now, "CandidatesReady", ready, f"Candidates {'' if ready else 'not '}ready")
        set_condition(conditions, now, "MirrorReady", copied, f"Mirror {'' if copied else 'not '}ready")
        set_ready(conditions, now, _EXPERIMENT)
        self._say("experiments", name, {"conditions": conditions})

    def _conditions(self, plural: str, name: str) -> list[Json]:
        body = self.api.get_namespaced_custom_object(GROUP, VERSION, self.namespace, plural, name)
        return list((body.get("status") or {}).get("conditions") or [])

    def _say(self, plural: str, name: str, status: Json) -> None:
        where = (GROUP, VERSION, self.namespace, plural, name)
        self.api.patch_namespaced_custom_object_status(*where, {"status": status})

    def _finalize(self, plural: str, body: Json, *, on: bool) -> None:
        has = bool(body["metadata"].get("finalizers"))
        if has != on:
            where = (GROUP, VERSION, self.namespace, plural, body["metadata"]["name"])
            finalizers = [_FINALIZERS[plural]] if on else None
            self.api.patch_namespaced_custom_object(*where, {"metadata": {"finalizers": finalizers}})


def _refusal(name: str, spec: Json) -> str | None:
    """Return why the scheduler refuses an Experiment."""
    mirror = spec.get("mirror")
    names = [each["name"] for each in (*spec["candidates"], *([mirror] if mirror else []))]
    if not names:
        return f"experiment {name} has no candidates or mirror"
    twice = next((each for each in names if names.count(each) > 1), None)
    if twice is not None:
        return f"each candidate and mirror must be unique but found resource {twice} duplicated in {name}"
    return None
