"""The loop on Seldon Core v1, which is played in the laptop's API and starts real servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.live_system import eventually
from support.platform_story import MODEL, Story
from support.seldon.core1 import GROUP, PLURAL, VERSION
from support.seldon.ingress import Gateway
from support.seldon.playing import PlayedCore1

from kascade.stream.predicting import PredictionClient

from .conftest import OVERLAYS, api_of, running

pytestmark = [pytest.mark.timeout(900), pytest.mark.slow]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("seldon-v1")
    with running(folder, "embedded", "--manifests", str(OVERLAYS / "seldon-v1")) as system:
        platform = PlayedCore1(api_of(system))
        with platform.playing(), Gateway(platform, system.home.endpoints().gateway).running() as gateway:
            address = f"{gateway.url}/seldon/kascade/{MODEL}"
            yield Story(system, platform, lambda: PredictionClient(address, MODEL))


def shares(story: Story) -> dict[str, int]:
    """Return what each predictor of the model's SeldonDeployment is to have."""
    (found,) = story.platform.listed(GROUP, VERSION, PLURAL)
    return {each["name"]: each["traffic"] for each in found["spec"]["predictors"]}


def test_a_dropped_file_becomes_a_seldon_deployment_that_answers(story: Story) -> None:
    assert story.first()["url"].endswith(f"/seldon/kascade/{MODEL}")

    assert shares(story) == {"v1": 100}


def test_a_better_version_goes_through_shadow_and_canary_to_its_promotion(story: Story) -> None:
    story.better()

    assert shares(story) == {"v1": 0, "v2": 100}


def test_a_worse_version_that_was_forced_past_the_gate_is_taken_back(story: Story) -> None:
    story.worse()

    eventually(lambda: "v3" not in shares(story), 30, what="removal of v3")
