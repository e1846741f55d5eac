"""The pages, and what they say when there is nothing, too much, or nobody who answers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from support.receiver import Receiver

from eventing import catalogue as c
from eventing.codec import to_binary
from eventing.testing import MemorySink, build_event
from functions.console.app import create_app
from functions.console.cluster import NoCluster
from functions.console.ledger import Ledger
from functions.console.settings import Settings

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from conftest import Console

PAGES = [
    "/",
    "/models/churn",
    "/models/churn/runs",
    "/models/churn/data",
    "/models/churn/drift/drift1",
    "/events",
    "/why/churn/v2",
    "/why/drift1",
    "/dead-letters",
]


def test_an_empty_system_says_how_to_begin(console: Console) -> None:
    page = console.page("/")

    assert "kascade drop" in page
    assert "Nothing has happened yet" in page
    assert "None. Every event was taken." in console.page("/dead-letters")


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_shown_and_nothing_of_it_comes_from_elsewhere(told: Console, path: str) -> None:
    answer = told.client.get(path)

    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
    assert re.findall(r'(?:src|href)="(?:https?:)?//', answer.text) == []
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'")


def test_the_loop_says_which_functions_run_and_how_the_models_do(told: Console) -> None:
    page = told.page("/")

    assert "run-later</b> failing: its image is not there" in page
    assert "ingest-data: 7 wait, 2 taken by nobody" in page
    assert "v2 serves" in page
    assert "20.0 % loss lately" in page


def test_a_model_shows_its_versions_drift_and_refused_files(told: Console) -> None:
    page = told.page("/models/churn")

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "roc auc <b>0.91</b>" in page
    assert "v2 promoted" in page
    assert "No version answers: churn answers 404" in page


def test_runs_stand_side_by_side_with_what_each_was_chosen_from_or_why_it_failed(told: Console) -> None:
    page = told.page("/models/churn/runs")

    assert page.index("v4</a>") < page.index("v3</a>") < page.index("v2</a>")
    assert "queued" in page
    assert 'tree <span class="chip good">chosen</span>' in page
    assert "0.9 0.9" in page
    assert "It failed in the step <b>refit</b>: no memory &lt;script&gt;" in page
    assert "fold 1\nfold 2\nMemoryError" in page


def test_data_says_what_became_of_each_file_and_which_rows_were_bad(told: Console) -> None:
    page = told.page("/models/churn/data")

    assert "row 7, column age: not a number: &#39;x&#39; (and 49 more)" in page
    assert "s3://quarantine/churn/report.json" in page
    assert "line 3: has 4 fields, not 5" in page


def test_a_click_on_a_checked_feature_leads_to_its_two_distributions(told: Console) -> None:
    link = re.findall(r'href="\.\./(models/churn/drift/[^"]*)"', told.page("/models/churn"))[1]
    path, _, place = link.partition("#")
    page = told.page(f"/{path}")

    assert f'id="{place}"' in page
    assert page.count('<rect class="reference"') == page.count('<rect class="current"') == 3 + 2
    assert "0 to 3.333: 50.0 % of the reference" in page
    assert "Its distributions are not recorded" in page
    assert "is no check for drift" in told.page("/models/churn/drift/refused", 404)


def test_a_model_shows_the_judges_bets_its_labels_its_traffic_and_why_it_is_not_trained(
    told: Console,
) -> None:
    page = told.page("/models/churn")

    assert "v2 in shadow: promoted by evidence" in page
    assert 'class="threshold"' in page
    assert "answers all requests" in page
    assert "nothing asks for a training" in page
    labels = page[page.index("Labels by version") : page.index("Why is it not trained now?")]
    assert "100 %" in labels
    assert "<b>1.5 s</b> after they were sent" in labels
    assert "20 late" in labels


def test_what_is_not_there_is_said(told: Console) -> None:
    assert "there is no model other" in told.page("/models/other", 404)
    assert "Nothing is recorded of it yet" in told.page("/why/unheard-of", 404)


def test_causes_stand_above_what_came_of_them_and_lead_to_their_own_pages(told: Console) -> None:
    page = told.page("/why/churn/v2")

    picture, listed = page.split("<h2>The same as a list</h2>")
    boxes = re.findall(r'<svg class="cause ([a-z ]*)" x="(\d+)" y="(\d+)"', picture)
    links = re.findall(r'<a href="[./]*/why/([^"]+)" tabindex="-1">', picture)
    assert len(boxes) == len(links) == listed.count('<div class="event')
    assert [kind for kind, _, _ in boxes].count("good") == 2
    (decided,) = re.findall(r'x="(\d+)" y="(\d+)"[^>]*>\s*<title>rollout.decided', picture)
    (completed,) = re.findall(r'x="(\d+)" y="(\d+)"[^>]*>\s*<title>rollout.completed', picture)
    assert int(decided[1]) < int(completed[1])
    assert decided[0] == completed[0]
    assert "rollout.decided" in told.page(f"/why/{links[boxes.index(('good', *decided))]}")


def test_a_prediction_is_shown_with_what_let_its_version_answer(told: Console, prediction: str) -> None:
    page = told.page(f"/why/{prediction}")

    picture, listed = page.split("<h2>The same as a list</h2>")
    assert "nobody, in shadow" in page
    assert "the client" in page
    assert re.search(r"<dt>amount</dt><dd>0(\.0)?</dd>", page)
    assert '<svg class="cause prediction asked"' in picture
    assert listed.index("rollout.completed") < listed.index(f"why/{prediction}") < listed.index("</ul>")
    assert told.page(f"/why/{prediction.replace('-', '').upper()}").count("the client") == 1


def test_a_prediction_that_is_not_logged_yet_is_said_to_come(told: Console, prediction: str) -> None:
    page = told.page(f"/why/{prediction[:-4]}0000", 404)

    assert "a prediction is logged within seconds" in page


def test_events_are_narrowed_and_those_before_are_reached(told: Console) -> None:
    page = told.page("/events?type=feedback.joined&subject=churn")
    assert page.count("/why/joined") == 5
    assert "drift.checked" not in page

    rows = told.ledger.test_client().get("/events?newest=1&limit=1").get_json()["events"]
    before = told.page(f"/events?before={rows[0]['seq']}")
    assert "joined5" not in before
    assert "joined4" in before


def test_an_event_with_an_odd_id_is_reached_by_its_link(told: Console) -> None:
    (link,) = re.findall(r'href="\./(why/odd[^"]*)"', told.page("/events"))

    assert "com.example.odd" in told.page(f"/{link}")


def test_a_page_that_has_not_changed_is_not_sent_again(told: Console) -> None:
    first = told.client.get("/")

    again = told.client.get("/", headers={"If-None-Match": first.headers["ETag"]})

    assert (again.status_code, again.data) == (304, b"")


def test_changes_are_told_at_once_and_are_those_after_what_was_seen(told: Console) -> None:
    newest = told.client.get("/changes").get_json()["seen"]

    assert told.client.get(f"/changes?seen={newest - 3}").get_json() == {"seen": newest}
    assert told.client.get("/changes?seen=nonsense").get_json() == {"seen": newest}


def test_a_ledger_that_is_away_is_said_and_tried_again() -> None:
    settings = Settings("http://127.0.0.1:1/{}", timeout_s=0.5)
    client = create_app(settings, sink=MemorySink(), cluster=NoCluster("")).test_client()

    answer = client.get("/")

    assert answer.status_code == 503
    assert "record-events does not answer: it cannot be reached" in answer.text
    assert "127.0.0.1:1" not in answer.text


def test_without_an_api_the_loop_is_shown_all_the_same(told: Console) -> None:
    settings = Settings(told.services_url)
    app = create_app(settings, sink=MemorySink(), cluster=NoCluster("no API is configured here"))

    assert "Whether functions run is not known: no API is configured here" in app.test_client().get("/").text


def test_what_the_visitor_has_shown_is_passed_on(receiver: Receiver) -> None:
    settings = Settings(f"{receiver.url}/{{}}", steering=True)
    client = create_app(settings, sink=MemorySink(), cluster=NoCluster("")).test_client()

    client.post("/dead-letters/1/redrive", headers={"Authorization": "Bearer of-ann"})

    ((headers, _),) = receiver.requests
    assert headers["authorization"] == "Bearer of-ann"


def test_a_button_sends_its_event_and_shows_it(told: Console) -> None:
    answer = told.client.post("/models/churn/steer", data={"action": "retrain", "by": "ann"})

    (event,) = told.sink.of_type(c.TrainingRequested.type)
    assert (event.subject, event.data["requested_by"]) == ("churn", "ann")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"../../why/{event.id}")


def test_a_button_that_makes_no_sense_or_reaches_no_broker_says_so(told: Console) -> None:
    assert "no action" in told.client.post("/models/churn/steer", data={"action": "explode"}).text

    told.sink.refusing = True
    answer = told.client.post("/models/churn/steer", data={"action": "pause"})

    assert (answer.status_code, "the broker has not taken it" in answer.text) == (503, True)


@pytest.mark.case("S9", "the console's buttons, and its form that asks a model")
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
    ],
)
def test_a_page_from_elsewhere_presses_no_button(told: Console, headers: dict[str, str]) -> None:
    for path in (
        "/models/churn/steer",
        "/models/churn/try",
        "/dead-letters/1/redrive",
        "/dead-letters/1/discard",
    ):
        answer = told.client.post(path, data={"action": "retrain"}, headers=headers)
        assert answer.status_code == 403
    assert told.sink.events == []


def test_where_nobody_may_steer_there_are_no_buttons_and_no_routes(told: Console) -> None:
    client = create_app(Settings(told.services_url), sink=told.sink, cluster=NoCluster("")).test_client()

    assert "Steer" not in client.get("/models/churn").text
    assert client.post("/models/churn/steer", data={"action": "retrain"}).status_code == 404
    assert told.sink.events == []


def test_a_dead_letter_is_shown_with_its_reason_and_sent_again(told: Console) -> None:
    headers, body = to_binary(build_event("com.example.lost", {}, id_="lost1"))
    headers |= {"ce-knativeerrordest": "http://ingest-data", "ce-knativeerrorcode": "422"}
    told.ledger.test_client().post("/dead-letters", data=body, headers=headers)
    assert "com.example.lost" in told.page("/dead-letters")

    answer = told.client.post("/dead-letters/1/redrive", headers={"Sec-Fetch-Site": "same-origin"})

    assert answer.headers["Location"] == "../../why/lost1"
    assert [event.id for event in told.sink.of_type("com.example.lost")] == ["lost1"]
    answer = told.client.post("/dead-letters/1/discard")
    assert answer.headers["Location"] == "../../dead-letters"
    assert "com.example.lost" not in told.page("/dead-letters")
    assert "there is no dead letter 99" in told.client.post("/dead-letters/99/discard").text
    assert "there is no dead letter 99" in told.client.post("/dead-letters/99/redrive").text


def test_an_event_is_none_of_its_business(told: Console) -> None:
    headers, body = to_binary(build_event("com.example.hello", {}))

    assert told.client.post("/", data=body, headers=headers).status_code == 422


def test_an_address_that_leads_nowhere_has_a_page_that_says_so(told: Console) -> None:
    assert "This page cannot be shown" in told.page("/nowhere", 404)


def test_the_form_begins_with_a_row_of_the_model_and_is_empty_where_it_has_no_document(told: Console) -> None:
    assert Ledger(told.services_url, 5).example("churn") == {}
