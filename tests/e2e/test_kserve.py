"""The loop with KServe as its platform, which is played in the laptop's API and starts real servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.kserve.playing import ISVC, PlayedKServe
from support.platform_story import MODEL, Story
from support.trained_on_request import FEATURES

from eventing.store import S3Store
from kascade.stream.predicting import PredictionClient

from .conftest import OVERLAYS, api_of, running

pytestmark = [pytest.mark.timeout(900), pytest.mark.slow]

SERVICE = f"{MODEL}-predictor"


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("kserve")
    with running(folder, "embedded", "--manifests", str(OVERLAYS / "kserve")) as system:
        store, models = S3Store.from_env(system.environment), tmp_path_factory.mktemp("models")
        platform = PlayedKServe(api_of(system), system.home.path, store, models)
        gateway = system.home.endpoints().gateway
        with platform.playing():
            yield Story(system, platform, lambda: PredictionClient(gateway, MODEL, service=SERVICE))


def test_a_dropped_file_becomes_an_inference_service_that_answers(story: Story) -> None:
    assert f"{SERVICE}.kascade.localhost" in story.first()["url"]

    found = story.platform.api.get_namespaced_custom_object(*ISVC, "kascade", "inferenceservices", MODEL)
    assert found["spec"]["predictor"]["model"]["storageUri"].endswith("/v1/model.onnx")
    assert "canaryTrafficPercent" not in found["spec"]["predictor"]
    (answer,) = story.system.client.predict_rows(MODEL, [FEATURES])
    assert answer["model_version"] == 1


def test_a_better_version_goes_through_shadow_and_canary_to_its_promotion(story: Story) -> None:
    story.better()


def test_a_worse_version_that_was_forced_past_the_gate_is_taken_back(story: Story) -> None:
    story.worse()
