"""The loop on Seldon Core 2, which is played in the laptop's API and starts real servers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from support.live_system import eventually
from support.platform_story import MODEL, Story
from support.seldon.core2 import GROUP, VERSION
from support.seldon.ingress import Mesh, MeshClient
from support.seldon.playing import PlayedCore2

from .conftest import OVERLAYS, api_of, running

pytestmark = [pytest.mark.timeout(900), pytest.mark.slow]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("seldon")
    with running(folder, "embedded", "--manifests", str(OVERLAYS / "seldon")) as system:
        platform = PlayedCore2(api_of(system))
        with platform.playing(), Mesh(platform, system.home.endpoints().gateway).running() as mesh:
            yield Story(system, platform, lambda: MeshClient(mesh.url, MODEL))


def listed(story: Story, plural: str) -> dict[str, dict[str, Any]]:
    return {each["metadata"]["name"]: each["spec"] for each in story.platform.listed(GROUP, VERSION, plural)}


def test_a_dropped_file_becomes_a_model_and_an_experiment_that_answers(story: Story) -> None:
    mesh_inside = "http://seldon-mesh.kascade.svc.cluster.local"
    assert story.first()["url"] == f"{mesh_inside}/v2/models/{MODEL}.experiment"

    assert set(listed(story, "models")) == {f"{MODEL}-v1"}
    assert listed(story, "experiments")[MODEL]["candidates"] == [{"name": f"{MODEL}-v1", "weight": 100}]


def test_a_better_version_goes_through_mirror_and_canary_to_its_promotion(story: Story) -> None:
    story.better()

    assert isinstance(story.platform, PlayedCore2)
    assert story.platform.mirrors[MODEL] == [None, f"{MODEL}-v2", None]
    assert listed(story, "experiments")[MODEL]["candidates"] == [{"name": f"{MODEL}-v2", "weight": 100}]


def test_a_worse_version_that_was_forced_past_the_gate_is_taken_back(story: Story) -> None:
    story.worse()

    eventually(lambda: f"{MODEL}-v3" not in listed(story, "models"), 30, what="removal of v3")
