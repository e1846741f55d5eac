"""The name of the Job that a JobSink makes of an event."""

from __future__ import annotations

from eventing.event import Event
from knative.local.jobs.sink import job_name


def test_a_job_is_named_by_its_sink_and_the_event_s_source_and_id() -> None:
    one = Event(id="1", source="/a", type="t")
    assert job_name("train", one) == job_name("train", Event(id="1", source="/a", type="other"))
    assert (
        len(
            {
                job_name("train", Event(id=i, source=s, type="t"))
                for i, s in (("1", "/a"), ("2", "/a"), ("1", "/b"), ("a1", "/"))
            }
        )
        == 4
    )
    assert len(job_name("x" * 80, one)) <= 63
    assert job_name("x" * 50 + "-churn", one) != job_name("x" * 50 + "-fraud", one)
