"""What every deployer does alike."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
from kubernetes import client

from functions.roll_out_model.deployer import Refused, Unavailable
from functions.roll_out_model.knative_deployer import KnativeDeployer
from functions.roll_out_model.knative_service import ServingOptions
from functions.roll_out_model.logic import Observed, Readiness, Route, Wanted


def ready(revision: str) -> Any:
    return lambda seen: seen.status(revision).readiness is Readiness.READY


def serve(subject: Any, wanted: Wanted, keep: str | None = None) -> Observed:
    """Bring a version to all traffic."""
    subject.deployer.ensure_revision(wanted, keep)
    subject.settle(wanted.revision)
    subject.until(ready(wanted.revision))
    subject.deployer.shift(wanted.model, Route({wanted.revision: 100}))
    seen: Observed = subject.until(
        lambda seen: seen.pinned == {wanted.revision: 100} and seen.serving == {wanted.revision: 100}
    )
    return seen


def remove(subject: Any, revision: str, fallback: Wanted) -> None:
    """Take a revision away, coming again as often as the platform asks."""

    def gone(_: Observed) -> bool:
        try:
            subject.deployer.remove(fallback.model, revision, fallback)
        except Unavailable:
            return False
        return True

    subject.until(gone)


def test_of_a_model_without_a_service_nothing_is_seen(subject: Any) -> None:
    assert subject.observe() == Observed()


def test_the_first_version_gets_the_traffic_when_it_is_ready(subject: Any) -> None:
    first = subject.good(1)

    subject.deployer.ensure_revision(first, None)
    seen = subject.observe()
    assert seen.template == first.revision
    assert seen.pinned == {"": 100}

    subject.settle(first.revision)
    seen = subject.until(lambda seen: seen.serving == {first.revision: 100})
    assert subject.predict(seen.url) == 1


def test_ensuring_twice_equals_ensuring_once(subject: Any) -> None:
    first = subject.good(1)

    for _ in range(2):
        subject.deployer.ensure_revision(first, None)

    assert list(subject.until(lambda seen: seen.revisions).revisions) == [first.revision]


def test_ensuring_again_before_the_revision_appears_is_no_change_of_its_template(subject: Any) -> None:
    first, second = subject.good(1), subject.good(2)
    serve(subject, first)

    for _ in range(3):
        subject.deployer.ensure_revision(second, first.revision)

    subject.settle(second.revision)
    assert subject.until(ready(second.revision)).serving == {first.revision: 100}


def test_a_second_version_starts_beside_the_first_and_takes_over_when_told(subject: Any) -> None:
    first, second = subject.good(1), subject.good(2)
    serve(subject, first)

    subject.deployer.ensure_revision(second, first.revision)
    subject.settle(second.revision)
    seen = subject.until(ready(second.revision))
    assert seen.serving == {first.revision: 100}
    assert subject.predict(seen.url) == 1

    subject.deployer.shift(first.model, Route({second.revision: 100}))
    seen = subject.until(lambda seen: seen.serving == {second.revision: 100})
    assert subject.predict(seen.url) == 2


def test_a_tagged_version_is_reachable_without_traffic_and_copies_lead_to_it(subject: Any) -> None:
    first, second = subject.good(1), subject.good(2)
    serve(subject, first)
    subject.deployer.ensure_revision(second, first.revision)
    subject.settle(second.revision)
    subject.until(ready(second.revision))
    route = Route({first.revision: 100}, {"challenger": second.revision})

    subject.deployer.shift(first.model, route)
    seen = subject.until(lambda seen: seen.has(route))
    assert seen.serving == {first.revision: 100}
    address = seen.tag_urls["challenger"]
    assert address == f"http://challenger-{first.model}.kascade.svc.cluster.local"

    for _ in range(2):
        subject.deployer.copy(first.model, 1, address)
    assert subject.until(lambda seen: seen.shadow).shadow == address
    elsewhere = f"{address}/elsewhere"
    subject.deployer.copy(first.model, 1, elsewhere)
    assert subject.until(lambda seen: seen.shadow != address).shadow == elsewhere
    for _ in range(2):
        subject.deployer.copy(first.model, 1, None)
    subject.until(lambda seen: seen.shadow is None)


def test_a_canarys_share_is_served_and_the_version_before_stays_reachable_after(subject: Any) -> None:
    first, second = subject.good(1), subject.good(2)
    serve(subject, first)
    subject.deployer.ensure_revision(second, first.revision)
    subject.settle(second.revision)
    subject.until(ready(second.revision))
    shares = {first.revision: 90, second.revision: 10}
    canary = Route(shares, {"challenger": second.revision})
    done = Route({second.revision: 100}, {"previous": first.revision})

    subject.deployer.shift(first.model, canary)
    assert subject.until(lambda seen: seen.has(canary)).serving == shares
    subject.deployer.shift(first.model, done)
    seen = subject.until(lambda seen: seen.has(done))
    assert subject.predict(seen.url) == 2
    subject.deployer.shift(first.model, Route({first.revision: 100}, {"previous": second.revision}))
    assert subject.until(lambda seen: subject.predict(seen.url) == 1)


def test_a_version_that_cannot_start_is_seen_as_failed_with_its_reason(subject: Any) -> None:
    serve(subject, subject.good(1))
    broken = subject.bad(2)

    subject.deployer.ensure_revision(broken, f"{subject.model}-v1")
    subject.settle(broken.revision)
    seen = subject.until(lambda seen: seen.status(broken.revision).readiness is Readiness.FAILED)

    assert "it is not the approved model" in seen.status(broken.revision).message
    assert seen.serving == {f"{subject.model}-v1": 100}


def test_a_removed_revision_is_gone_and_the_fallback_serves_on(subject: Any) -> None:
    first, broken = subject.good(1), subject.bad(2)
    serve(subject, first)
    subject.deployer.ensure_revision(broken, first.revision)
    subject.settle(broken.revision)
    subject.until(lambda seen: seen.status(broken.revision).readiness is Readiness.FAILED)

    for _ in range(2):
        remove(subject, broken.revision, first)

    seen = subject.until(lambda seen: broken.revision not in seen.revisions)
    assert seen.template == first.revision
    assert seen.pinned == seen.serving == {first.revision: 100}
    assert subject.predict(seen.url) == 1


def test_after_a_removal_the_same_version_can_be_tried_again(subject: Any) -> None:
    first, second = subject.good(1), subject.good(2)
    serve(subject, first)
    subject.deployer.ensure_revision(second, first.revision)
    remove(subject, second.revision, first)

    seen = serve(subject, second, first.revision)

    assert subject.predict(seen.url) == 2


def test_a_fallback_whose_service_is_gone_is_made_again(subject: Any) -> None:
    first, broken = subject.good(1), subject.bad(2)

    subject.deployer.remove(first.model, broken.revision, first)

    subject.settle(first.revision)
    seen = subject.until(lambda seen: seen.serving == {first.revision: 100})
    assert subject.predict(seen.url) == 1


def test_without_a_fallback_the_service_goes(subject: Any) -> None:
    broken = subject.bad(1)
    subject.deployer.ensure_revision(broken, None)

    for _ in range(2):
        subject.deployer.remove(broken.model, broken.revision, None)

    subject.until(lambda seen: seen == Observed())


def test_a_service_that_is_no_models_is_not_touched(runtime: Any) -> None:
    deployer = KnativeDeployer(runtime.api, ServingOptions())
    place = ("serving.knative.dev", "v1", "kascade", "services")
    container = {"image": "kascade/serve-model:0.1.0"}
    body = {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": "someone", "namespace": "kascade"},
        "spec": {
            "template": {"spec": {"containers": [container]}},
        },
    }
    runtime.api.create_namespaced_custom_object(*place, body)

    for call in (
        lambda: deployer.observe("someone"),
        lambda: deployer.ensure_revision(Wanted("someone", 1, "s3://x/y", "0" * 64), None),
    ):
        with pytest.raises(Refused, match=r"is not a model's: it has no label kascade\.dev/model=someone"):
            call()
    runtime.api.delete_namespaced_custom_object(*place, "someone")


def test_what_the_platform_refuses_is_refused_with_its_words(runtime: Any) -> None:
    deployer = KnativeDeployer(runtime.api, ServingOptions(namespace="nowhere"))

    with pytest.raises(Refused, match="nowhere"):
        deployer.ensure_revision(Wanted("churn", 1, "s3://x/y", "0" * 64), None)


def test_a_platform_that_does_not_answer_is_unavailable() -> None:
    settings = client.Configuration(host="http://127.0.0.1:9")
    settings.retries = False
    deployer = KnativeDeployer(client.CustomObjectsApi(client.ApiClient(settings)), ServingOptions())

    with pytest.raises(Unavailable, match="the API cannot be reached"):
        deployer.observe("churn")


def test_the_api_is_found_by_kubeconfig(runtime: Any) -> None:
    code = (
        "from functions.roll_out_model.knative_deployer import KnativeDeployer, cluster_api\n"
        "from functions.roll_out_model.knative_service import ServingOptions\n"
        "print(KnativeDeployer(cluster_api(), ServingOptions()).observe('nothing'))"
    )
    env = {**os.environ, "KUBECONFIG": str(runtime.folder / "state" / "kubeconfig")}

    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)

    assert done.stdout.strip() == str(Observed()), done.stderr
