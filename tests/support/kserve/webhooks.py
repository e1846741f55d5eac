"""What the API and KServe's webhooks refuse of an InferenceService, with their codes, and what they add."""

from __future__ import annotations

from typing import Any

from knative.local.resources.kinds import problems_of

Json = dict[str, Any]


class Refusal(Exception):
    """An answer that is no success."""

    def __init__(self, code: int, reason: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.code, self.reason, self.message, self.details = code, reason, message, details


def admitted(body: Json, *, answering: bool = True) -> Json:
    """Return an InferenceService as the schema and KServe's webhooks let it pass.

    Args:
        answering: the manager, whose webhooks they are, is up.

    Raises: Refusal.
    """
    if not answering:
        said = 'failed calling webhook "inferenceservice.defaulter": connection refused'
        raise Refusal(500, "InternalError", f"Internal error occurred: {said}")
    sound = {key: value for key, value in body.items() if key != "status"}
    metadata = {key: value for key, value in body["metadata"].items() if key != "managedFields"}
    problems = problems_of({**sound, "metadata": metadata})
    if any(problem.path.endswith("canaryTrafficPercent") for problem in problems):
        raise Refusal(400, "BadRequest", "cannot unmarshal string into a Go int64")
    if problems:
        raise Refusal(422, "Invalid", "; ".join(str(each) for each in problems))
    predictor = body["spec"]["predictor"]
    if "model" not in predictor and "containers" not in predictor:
        raise Refusal(500, "InternalError", "admission webhook panicked: index out of range [recovered]")
    if "canary" in body["spec"]:
        said = "spec.canary is only supported in Standard deployment mode"
        raise Refusal(403, "Forbidden", f'admission webhook "validator" denied the request: {said}')
    model = {"name": "", "resources": {}, **predictor["model"]}
    return {**body, "spec": {**body["spec"], "predictor": {**predictor, "model": model}}}
