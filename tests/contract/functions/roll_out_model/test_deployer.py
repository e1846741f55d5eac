"""What every deployer does alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from functions.roll_out_model.deployer import (
    FOREIGN,
    Observed,
    Readiness,
    ServedVersion,
    Traffic,
    Unavailable,
)

pytestmark = pytest.mark.slow


def ready(version: int) -> Any:
    return lambda seen: seen.status(version).readiness is Readiness.READY


def start(subject: Any, version: ServedVersion, keep: int | None = None) -> Observed:
    """Deploy a version and wait until it is ready."""
    subject.deployer.deploy(version, keep)
    subject.end_start(version.version)
    seen: Observed = subject.until(ready(version.version))
    return seen


def serve(subject: Any, version: ServedVersion, keep: int | None = None) -> Observed:
    """Bring a version to all traffic."""
    start(subject, version, keep)
    return shift(subject, Traffic(version.version))


def shift(subject: Any, traffic: Traffic) -> Observed:
    """Shift the traffic and wait until it goes so."""
    ask(subject, lambda: subject.deployer.shift(subject.model, traffic))
    seen: Observed = subject.until(lambda seen: seen.in_force and seen.asks_for(traffic))
    assert seen.serving == traffic.shares
    return seen


def remove(subject: Any, version: int, fallback: ServedVersion) -> None:
    """Take a version away."""
    ask(subject, lambda: subject.deployer.remove(fallback.model, version, fallback))


def ask(subject: Any, call: Callable[[], None]) -> None:
    """Ask for something, coming again as often as the platform says that it is not done yet."""

    def done(_: Observed) -> bool:
        try:
            call()
        except Unavailable:
            return False
        return True

    subject.until(done)


def test_of_a_model_that_is_not_deployed_nothing_is_seen(subject: Any) -> None:
    assert subject.observe() == Observed()


def test_the_first_version_gets_the_traffic_when_it_is_ready(subject: Any) -> None:
    first = subject.good(1)

    subject.deployer.deploy(first, None)
    seen = subject.observe()
    assert (seen.latest, seen.requested, seen.in_force) == (1, None, False)

    subject.end_start(1)
    seen = subject.until(lambda seen: seen.serving == {1: 100})
    assert subject.predict(seen.url) == 1


def test_deploying_twice_equals_deploying_once(subject: Any) -> None:
    first = subject.good(1)

    for _ in range(2):
        subject.deployer.deploy(first, None)

    assert list(subject.until(lambda seen: seen.versions).versions) == [1]


def test_deploying_again_before_the_version_appears_changes_nothing(subject: Any) -> None:
    serve(subject, subject.good(1))
    second = subject.good(2)

    for _ in range(3):
        subject.deployer.deploy(second, 1)

    subject.end_start(2)
    assert subject.until(ready(2)).serving == {1: 100}


def test_a_second_version_starts_beside_the_first_and_takes_over_when_told(subject: Any) -> None:
    serve(subject, subject.good(1))

    seen = start(subject, subject.good(2), 1)
    assert seen.serving == {1: 100}
    assert subject.predict(seen.url) == 1

    seen = shift(subject, Traffic(2))
    assert subject.predict(seen.url) == 2


@pytest.mark.parametrize("keep", [None, 9])
def test_who_serves_keeps_the_traffic_where_the_version_to_keep_is_none_or_is_not_there(
    subject: Any, keep: int | None
) -> None:
    serve(subject, subject.good(1))

    seen = start(subject, subject.good(2), keep)

    # A platform may have no other way to run a version than beside what serves.
    assert seen.requested in (Traffic(1), Traffic(1, 2))
    assert seen.serving == {1: 100}


def test_a_version_without_a_share_runs_and_can_be_mirrored_to(subject: Any) -> None:
    serve(subject, subject.good(1))
    start(subject, subject.good(2), 1)
    traffic = Traffic(1, 2)
    assert shift(subject, traffic).mirror is None

    for _ in range(2):
        subject.deployer.mirror(subject.model, traffic)
    assert subject.until(lambda seen: seen.mirror is not None).mirror == 2
    subject.redirect_mirror()
    assert subject.until(lambda seen: seen.mirror != 2).mirror == FOREIGN
    subject.deployer.mirror(subject.model, traffic)
    subject.until(lambda seen: seen.mirror == 2)
    for _ in range(2):
        subject.deployer.mirror(subject.model, None)
    subject.until(lambda seen: seen.mirror is None)


def test_a_canarys_share_is_served_and_the_version_before_keeps_running_after(subject: Any) -> None:
    serve(subject, subject.good(1))
    start(subject, subject.good(2), 1)

    assert shift(subject, Traffic(1, 2, 10)).serving == {1: 90, 2: 10}
    seen = shift(subject, Traffic(2, previous=1))
    assert subject.predict(seen.url) == 2
    ask(subject, lambda: subject.deployer.shift(subject.model, Traffic(1, previous=2)))
    assert subject.until(lambda seen: subject.predict(seen.url) == 1)


def test_a_version_that_cannot_start_is_seen_as_failed_with_its_reason(subject: Any) -> None:
    serve(subject, subject.good(1))

    subject.deployer.deploy(subject.bad(2), 1)
    subject.end_start(2)
    seen = subject.until(lambda seen: seen.status(2).readiness is Readiness.FAILED)

    assert subject.words in seen.status(2).reason
    assert seen.serving == {1: 100}


def test_a_removed_version_is_gone_and_the_fallback_serves_on(subject: Any) -> None:
    first = subject.good(1)
    serve(subject, first)
    subject.deployer.deploy(subject.bad(2), 1)
    subject.end_start(2)
    subject.until(lambda seen: seen.status(2).readiness is Readiness.FAILED)

    for _ in range(2):
        remove(subject, 2, first)

    seen = subject.until(lambda seen: 2 not in seen.versions)
    assert (seen.latest, seen.requested, seen.serving) == (1, Traffic(1), {1: 100})
    assert subject.predict(seen.url) == 1


def test_with_a_version_the_mirror_to_it_goes(subject: Any) -> None:
    first = subject.good(1)
    serve(subject, first)
    start(subject, subject.good(2), 1)
    shift(subject, Traffic(1, 2))
    subject.deployer.mirror(subject.model, Traffic(1, 2))
    subject.until(lambda seen: seen.mirror == 2)

    remove(subject, 2, first)

    seen = subject.until(lambda seen: 2 not in seen.versions)
    assert (seen.mirror, seen.serving) == (None, {1: 100})


def test_the_version_before_can_be_mirrored_to_and_takes_over_again(subject: Any) -> None:
    if not subject.deployer.former_can_watch:
        pytest.skip("here no version before can watch: harm is answered in the usual phases")
    first = subject.good(1)
    serve(subject, first)
    start(subject, subject.good(2), 1)
    seen = shift(subject, Traffic(2, 1))
    assert subject.predict(seen.url) == 2
    subject.deployer.mirror(subject.model, Traffic(2, 1))
    subject.until(lambda seen: seen.mirror == 1)

    remove(subject, 2, first)

    seen = subject.until(lambda seen: 2 not in seen.versions and seen.serving == {1: 100})
    assert seen.mirror is None
    assert subject.predict(seen.url) == 1


def test_a_former_version_takes_over_again_from_the_one_after(subject: Any) -> None:
    first = subject.good(1)
    serve(subject, first)
    start(subject, subject.good(2), 1)
    shift(subject, Traffic(2, previous=1))

    assert start(subject, first, 2).serving == {2: 100}
    after = Traffic(1, 2) if subject.deployer.former_can_watch else Traffic(1, previous=2)
    assert subject.predict(shift(subject, after).url) == 1


def test_after_a_removal_the_same_version_can_be_tried_again(subject: Any) -> None:
    first, second = subject.good(1), subject.good(2)
    serve(subject, first)
    subject.deployer.deploy(second, 1)
    remove(subject, 2, first)

    seen = serve(subject, second, 1)

    assert subject.predict(seen.url) == 2


def test_a_fallback_that_is_gone_is_deployed_again(subject: Any) -> None:
    first = subject.good(1)

    subject.deployer.remove(first.model, 2, first)

    subject.end_start(1)
    seen = subject.until(lambda seen: seen.serving == {1: 100})
    assert subject.predict(seen.url) == 1


def test_a_deleted_model_goes_whole(subject: Any) -> None:
    serve(subject, subject.good(1))
    start(subject, subject.good(2), 1)
    shift(subject, Traffic(1, 2))
    subject.deployer.mirror(subject.model, Traffic(1, 2))

    subject.until(lambda _: subject.deployer.delete(subject.model))

    assert subject.observe() == Observed()
    assert subject.deployer.delete(subject.model)
    serve(subject, subject.good(3))
    assert subject.observe().mirror is None
