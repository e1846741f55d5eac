"""The ledger: every event once, in order, findable, and followed as it grows."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING

from eventing import catalogue as kinds
from eventing.event import Event, answer
from eventing.testing import build_event

if TYPE_CHECKING:
    from conftest import Recorder


def chain(recorder: Recorder) -> list[Event]:
    """Record a file's way to a model, and an event that has nothing to do with it."""
    dropped = build_event("com.amazonaws.s3.ObjectCreated:Put", {}, subject="churn/a.csv", id_="drop")
    ingested = answer(dropped, kinds.DatasetIngested.type, "/kascade/ingest_data", "churn", {"rows": 3})
    deferred = answer(ingested, kinds.TrainingDeferred.type, "/kascade/govern_training", "churn", {})
    approved = answer(ingested, kinds.TrainingApproved.type, "/kascade/govern_training", "churn/v1", {})
    completed = answer(approved, kinds.TrainingCompleted.type, "/kascade/run_training", "churn/v1", {})
    person = build_event(kinds.ModelApproved.type, {}, subject="churn/v1", id_="ann")
    other = build_event("com.example.noise", subject="churning", id_="noise")
    events = [dropped, ingested, deferred, approved, completed, person, other]
    recorder.record(*events)
    return events


def ids(page: dict) -> list[str]:
    return [row["event"]["id"] for row in page["events"]]


def test_events_come_back_whole_and_in_order_and_only_once(recorder: Recorder) -> None:
    events = chain(recorder)
    recorder.record(*events)
    page = recorder.get("/events")
    assert ids(page) == [event.id for event in events]
    assert [row["seq"] for row in page["events"]] == list(range(1, 8))
    first = page["events"][1]["event"]
    assert first == {
        "specversion": "1.0",
        "id": events[1].id,
        "source": "/kascade/ingest_data",
        "type": "dev.kascade.dataset.ingested",
        "subject": "churn",
        "time": events[1].time.isoformat() if events[1].time else None,
        "datacontenttype": "application/json",
        "correlationid": "drop",
        "causationid": "drop",
        "data": {"rows": 3},
    }


def test_events_are_found_by_type_subject_and_chain_page_by_page(recorder: Recorder) -> None:
    events = chain(recorder)
    training = recorder.get("/events?type=dev.kascade.training.*")
    assert ids(training) == [events[2].id, events[3].id, events[4].id]
    assert ids(recorder.get(f"/events?type={kinds.ModelApproved.type}")) == ["ann"]
    assert ids(recorder.get("/events?subject=churn")) == [event.id for event in events[:6]]
    assert ids(recorder.get("/events?subject=churn/v1")) == [events[3].id, events[4].id, "ann"]
    assert ids(recorder.get("/events?subject=churn*"))[-1] == "noise"
    assert ids(recorder.get("/events?correlation=drop")) == [event.id for event in events[:5]]
    page = recorder.get("/events?limit=2")
    assert page["next"] == 2
    assert ids(recorder.get(f"/events?after={page['next']}&limit=2")) == [events[2].id, events[3].id]
    assert recorder.get("/events?after=7") == {"events": [], "next": 7}


def test_bad_questions_are_told_what_is_wrong(recorder: Recorder) -> None:
    for path, name in (
        ("/events?after=x", "after"),
        ("/events?limit=1001", "limit"),
        ("/events?limit=-1", "limit"),
        ("/events?wait_s=soon", "wait_s"),
        ("/events?wait_s=nan", "wait_s"),
    ):
        assert recorder.get(path, status=400)["error"].startswith(name)
    assert "gone" in recorder.get("/events/gone", status=404)["error"]
    assert "<model>/v<version>" in recorder.get("/explain/churn/v9", status=404)["error"]


def test_large_data_is_left_out_of_lists_and_shown_alone(recorder: Recorder) -> None:
    recorder.record(build_event("com.example.big", {"text": "x" * 80_000}, id_="big"))
    recorder.record(build_event("com.example.huge", {"text": "x" * 2_000_000}, id_="huge"))
    big, huge = (row["event"] for row in recorder.get("/events")["events"])
    assert "data" not in big
    assert big["data_omitted_bytes"] == 80_012
    assert len(recorder.get("/events/big")["event"]["data"]["text"]) == 80_000
    whole = recorder.get("/events?whole=1&limit=1000")["events"]
    assert len(whole[0]["event"]["data"]["text"]) == 80_000
    assert huge["dataomitted"] == "2000012"


def test_weird_events_are_recorded_too(recorder: Recorder) -> None:
    weird = Event("\u2603/ 1", "urn:x:%00", "T", "sub/ject?#", None, "image/png", None, b"\x00\xff")
    recorder.record(weird)
    (row,) = recorder.get("/events")["events"]
    assert row["event"]["data_base64"] == "AP8="
    assert recorder.get("/events/%E2%98%83/%201")["event"]["id"] == "\u2603/ 1"


def test_a_follower_is_answered_when_something_happens(recorder: Recorder) -> None:
    waiting = threading.Event()
    pages: list[dict] = []

    def follow() -> None:
        waiting.set()
        pages.append(recorder.get("/events?after=0&wait_s=20"))

    follower = threading.Thread(target=follow)
    started = time.monotonic()
    follower.start()
    assert waiting.wait(10)
    recorder.record(build_event("com.example.step", id_="now"))
    follower.join(15)
    assert ids(pages[0]) == ["now"]
    assert time.monotonic() - started < 15


def test_a_follower_of_a_quiet_ledger_gets_an_empty_page_in_time(recorder: Recorder) -> None:
    started = time.monotonic()
    assert recorder.get("/events?wait_s=0.3") == {"events": [], "next": 0}
    assert 0.3 <= time.monotonic() - started < 10


def test_a_version_is_explained_by_its_causes_and_effects(recorder: Recorder) -> None:
    dropped, ingested, _, approved, completed, person, _ = chain(recorder)
    found = recorder.get("/explain/churn/v1")
    first, second = found["chain"]
    assert first["event"]["id"] == dropped.id
    (node,) = first["effects"]
    assert node["event"]["id"] == ingested.id
    (node,) = node["effects"]  # the deferral is no cause of this version
    assert node["event"]["id"] == approved.id
    assert [each["event"]["id"] for each in node["effects"]] == [completed.id]
    assert second["event"]["id"] == person.id
    assert found["truncated"] is False


def test_an_event_is_explained_by_its_causes_and_all_that_came_of_it(recorder: Recorder) -> None:
    dropped, ingested, deferred, approved, *_ = chain(recorder)
    (tree,) = recorder.get(f"/explain/{ingested.id}")["chain"]
    assert tree["event"]["id"] == dropped.id
    assert [node["event"]["id"] for node in tree["effects"][0]["effects"]] == [deferred.id, approved.id]


def test_events_that_cause_each_other_are_explained_without_end(recorder: Recorder) -> None:
    one = Event("one", "/s", "t", extensions={"causationid": "two"})
    two = Event("two", "/s", "t", extensions={"causationid": "one"})
    recorder.record(one, two)
    (tree,) = recorder.get("/explain/one")["chain"]
    assert {tree["event"]["id"], tree["effects"][0]["event"]["id"]} == {"one", "two"}


def test_a_wide_chain_is_cut_and_says_so(recorder: Recorder) -> None:
    root = build_event("com.example.root", id_="root")
    recorder.record(root, *(answer(root, f"com.example.n{n}", "/s", "s", {}) for n in range(510)))
    found = recorder.get("/explain/root")
    assert found["truncated"] is True
    assert len(found["chain"][0]["effects"]) == 499
    assert found["left_out"] == 11


def test_a_version_with_hundreds_of_checks_shows_the_newest_and_what_came_of_one(recorder: Recorder) -> None:
    about = "churn/v1"
    for number in range(300):
        closed = build_event(kinds.WindowClosed.type, {}, subject=about, id_=f"w{number}")
        checked = answer(closed, kinds.DriftChecked.type, "/kascade/detect_drift", about, {"window": number})
        recorder.record(closed, checked)
        if number == 7:
            detected = answer(closed, kinds.DriftDetected.type, "/kascade/detect_drift", about, {})
            retrained = answer(
                detected, kinds.TrainingApproved.type, "/kascade/govern_training", "churn/v2", {}
            )
            trained = answer(retrained, kinds.TrainingCompleted.type, "/kascade/run_training", "churn/v2", {})
            recorder.record(detected, retrained, trained)
    found = recorder.get("/explain/churn/v1")
    first, *checks = found["chain"]
    assert first["event"]["id"] == "w7"
    assert [node["event"]["type"] for node in first["effects"]] == [kinds.DriftDetected.type]
    (approved,) = first["effects"][0]["effects"]
    assert (approved["event"]["subject"], approved["effects"]) == ("churn/v2", [])
    assert [node["event"]["data"] for node in checks] == [{"window": 298}, {"window": 299}]
    assert found["folded"][kinds.DriftChecked.type] == 298
    # The one window that led to drift is shown; those of the two checks are counted in their trees' place.
    assert found["folded"][kinds.WindowClosed.type] == 299
    assert found["truncated"] is False


def test_of_alarms_in_a_row_those_that_tell_something_are_shown(recorder: Recorder) -> None:
    alarms = [build_event(kinds.DriftDetected.type, {}, subject="churn/v1", id_=f"a{n}") for n in range(30)]
    deferred = answer(alarms[9], kinds.TrainingDeferred.type, "/kascade/govern_training", "churn", {})
    recorder.record(*alarms, deferred)
    found = recorder.get("/explain/churn/v1")
    assert [node["event"]["id"] for node in found["chain"]] == ["a0", "a9", "a28", "a29"]
    assert found["chain"][1]["effects"][0]["event"]["id"] == deferred.id
    assert found["folded"] == {kinds.DriftDetected.type: 26}


def test_an_effect_in_another_chain_is_found(recorder: Recorder) -> None:
    root = build_event("com.example.root", id_="root")
    outside = Event("out", "/else", "com.example.reply", extensions={"causationid": "root"})
    recorder.record(root, outside)
    assert [each["event"]["id"] for each in recorder.get("/explain/root")["chain"][0]["effects"]] == ["out"]
    (tree,) = recorder.get("/explain/out")["chain"]
    assert tree["event"]["id"] == "root"


def test_readiness_and_any_type_and_batches(recorder: Recorder) -> None:
    assert recorder.client.get("/readyz").status_code == 200
    batch = [{"specversion": "1.0", "id": id_, "source": "/s", "type": "a"} for id_ in "12"]
    body = json.dumps(batch)
    answered = recorder.client.post(
        "/", data=body, content_type="application/cloudevents-batch+json; charset=utf-8"
    )
    assert answered.status_code == 204
    assert ids(recorder.get("/events")) == ["1", "2"]
