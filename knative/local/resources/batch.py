"""The fields of batch/v1 Jobs."""

from __future__ import annotations

from knative.local.resources.fields import Accepted, Fields, Items, Rule, Unsupported, one_of, whole
from knative.local.resources.metadata import template_metadata
from knative.local.resources.pods import CONTAINER, POD, check_mounts

_JOB_POD: dict[str, Rule] = {
    **POD,
    "containers": Items(
        Fields(CONTAINER, required=("name", "image")),
        at_least=1,
        at_most=1,
        too_many="sidecars cannot be honoured: one container becomes one process",
    ),
    "restartPolicy": one_of("Never", "OnFailure"),
    "activeDeadlineSeconds": Unsupported("set it on the Job, not on its pod"),
}
JOB_TEMPLATE_METADATA = template_metadata()
JOB_SPEC = Fields(
    {
        "template": Fields(
            {
                "metadata": JOB_TEMPLATE_METADATA,
                "spec": Fields(_JOB_POD, required=("containers", "restartPolicy"), checks=(check_mounts,)),
            },
            required=("spec",),
        ),
        "backoffLimit": whole(0),
        "activeDeadlineSeconds": whole(1),
        "ttlSecondsAfterFinished": whole(0),
        "parallelism": whole(1, 1),
        "completions": whole(1, 1),
        "completionMode": one_of("NonIndexed"),
        "suspend": Unsupported("a Job runs when it is made"),
        "selector": Unsupported("there are no pods to select"),
        "manualSelector": Unsupported("there are no pods to select"),
        "podFailurePolicy": Unsupported("every failure counts against backoffLimit"),
        "successPolicy": Unsupported("a Job has one completion"),
        "podReplacementPolicy": Accepted("a try starts after the one before it has ended"),
    },
    required=("template",),
)
