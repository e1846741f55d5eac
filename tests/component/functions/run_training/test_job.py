"""The job as a JobSink starts it: a process, a real object store, the Kubeflow pipeline under kfp.local."""

from __future__ import annotations

from collections.abc import Callable

from eventing.store import S3Store
from pipelines.testing import CHURN_KINDS, CHURN_SPEC, churn_table, put_dataset

RunJob = Callable[..., tuple[int, str]]


def test_an_approved_training_becomes_a_version_and_says_so(store: S3Store, sink, run_job: RunJob) -> None:  # type: ignore[no-untyped-def]
    request = put_dataset(store, [churn_table(400), churn_table(200, seed=1)], CHURN_KINDS, CHURN_SPEC)
    status, log = run_job(request)
    print(log)
    assert status == 0, log
    assert sink.types() == ["training.started", "training.completed"]
