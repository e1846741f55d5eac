"""KServe's traps: each is fallen into by a deployer that does the obvious, and never by ours."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest
from contract.functions.roll_out_model.conftest import on_kserve
from contract.functions.roll_out_model.subject import Subject
from contract.functions.roll_out_model.test_deployer import ask, remove, shift, start
from support.kserve.reach import objects_of
from support.kserve.server import Platform

from functions.roll_out_model.deployer import ServedVersion, Traffic, Unavailable
from functions.roll_out_model.kserve_deployer import KServeDeployer
from functions.roll_out_model.kserve_service import (
    OWN_RUNTIME,
    KServeOptions,
    inference_service_of,
    with_percent,
)
from functions.roll_out_model.kserve_status import Deployed

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    found = Platform()
    found.add_runtime(OWN_RUNTIME)
    with found.running():
        yield found


def story(platform: Platform, deployer: KServeDeployer | None = None) -> None:
    """Take v2 back from its canary, then promote v3, and check every split of traffic that there was."""
    subject = on_kserve(platform, f"trap-{next(_numbers)}", deployer)
    first, second, third = (subject.good(number) for number in (1, 2, 3))
    start(subject, first)
    start(subject, second, 1)
    ask(subject, lambda: subject.deployer.shift(subject.model, Traffic(1, 2, 10)))
    subject.until(lambda _: len(platform.history(subject.model)) > 1)
    remove(subject, 2, first)
    _check(platform, subject, [{1: 100}, {1: 90, 2: 10}, {1: 100}])
    start(subject, third, 1)
    _check(platform, subject, [{1: 100}, {1: 90, 2: 10}, {1: 100}])
    shift(subject, Traffic(1, 3, 20))
    shift(subject, Traffic(3, previous=1))
    _check(platform, subject, [{1: 100}, {1: 90, 2: 10}, {1: 100}, {1: 80, 3: 20}, {3: 100}])


def _check(platform: Platform, subject: Subject, expected: list[dict[int, int]]) -> None:
    subject.until(lambda seen: platform.serving(subject.model) == expected[-1])
    seen = [split for split, _ in itertools.groupby(platform.history(subject.model))]
    assert seen == expected


def test_no_version_ever_gets_more_than_it_was_given(platform: Platform) -> None:
    story(platform)


class GoesBackWithoutPercent(KServeDeployer):
    """Trap A: the latest ready revision, the rejected one, gets everything until the old one is ready."""

    def _go_back(self, deployed: Deployed, fallback: ServedVersion, removed: int | None = None) -> None:
        if deployed.version != fallback.version:
            self._apply(inference_service_of(fallback, None, "again", self._options))


class BeginsWithAShare(KServeDeployer):
    """Trap B: the share goes to the latest ready revision, the rejected one, until the new one is ready."""

    def _begin(
        self, version: ServedVersion, deployed: Deployed | None, keep: int | None, removed: int | None = None
    ) -> None:
        new = str(next(_numbers))
        self._apply(inference_service_of(version, 10 if deployed else None, new, self._options))


class BeginsWithoutPercent(KServeDeployer):
    """Trap C: a new URI without a percent promotes what was beside."""

    def _begin(
        self, version: ServedVersion, deployed: Deployed | None, keep: int | None, removed: int | None = None
    ) -> None:
        self._apply(inference_service_of(version, None, str(next(_numbers)), self._options))


class ForgetsThePercent(KServeDeployer):
    """Trap E: what was applied once and is left out of the next apply is gone, and that promotes."""

    def _share(self, deployed: Deployed, champion: int, challenger: int, percent: int) -> None:
        super()._share(deployed, champion, challenger, percent)
        applied = with_percent(deployed.service, None)
        applied["metadata"].pop("resourceVersion")
        self._apply(applied)


@pytest.mark.parametrize(
    "naive",
    [
        GoesBackWithoutPercent,
        BeginsWithAShare,
        BeginsWithoutPercent,
        ForgetsThePercent,
    ],
)
def test_a_deployer_that_does_the_obvious_is_caught(
    platform: Platform, naive: Callable[..., KServeDeployer]
) -> None:
    with pytest.raises(AssertionError):
        story(platform, naive(objects_of(platform), KServeOptions()))


class BelievesTheStatus(KServeDeployer):
    """Drops the percent because the status says Ready, which is about what was before."""

    def _roll_out(self, deployed: Deployed) -> None:
        if deployed.condition("Ready").get("status") == "True":
            self._apply(with_percent(deployed.service, None))


def go_back_while_the_status_lags(platform: Platform, deployer: KServeDeployer | None = None) -> None:
    """Take v2 back from its canary, asking twice before KServe has seen anything of it."""
    subject = on_kserve(platform, f"trap-{next(_numbers)}", deployer)
    first = subject.good(1)
    start(subject, first)
    start(subject, subject.good(2), 1)
    shift(subject, Traffic(1, 2, 10))
    with platform.lagging():
        for _ in range(2):
            with pytest.raises(Unavailable):
                subject.deployer.remove(subject.model, 2, first)
    remove(subject, 2, first)
    _check(platform, subject, [{1: 100}, {1: 90, 2: 10}, {1: 100}])


def test_a_status_that_lags_is_not_believed(platform: Platform) -> None:
    go_back_while_the_status_lags(platform)


def test_a_deployer_that_believes_it_is_caught(platform: Platform) -> None:
    with pytest.raises(AssertionError):
        go_back_while_the_status_lags(platform, BelievesTheStatus(objects_of(platform), KServeOptions()))
