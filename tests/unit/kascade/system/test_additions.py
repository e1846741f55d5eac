"""Functions that `kascade up` brings where a variable asks for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from kascade.system.additions import additions_of
from kascade.system.home import HomeError

ROUTES = "routes: [{name: team, slack: {url_env: TEAM_HOOK}}]\n"


def test_nothing_is_added_unless_it_is_asked_for() -> None:
    assert additions_of({"TEAM_HOOK": "https://x.example.com/"}) == []


def test_mlflow_gets_its_variables() -> None:
    (added,) = additions_of({"MLFLOW_TRACKING_URI": "http://m", "MLFLOW_TRACKING_TOKEN": "t", "HOME": "/x"})
    assert added.component == "mlflow"
    assert added.objects[0]["stringData"] == {"MLFLOW_TRACKING_URI": "http://m", "MLFLOW_TRACKING_TOKEN": "t"}
    assert all(path.exists() for path in added.manifests)


def test_notifications_get_the_file_and_the_variables_that_it_names_and_no_other(tmp_path: Path) -> None:
    file = tmp_path / "notify.yaml"
    file.write_text(ROUTES)
    (added,) = additions_of(
        {"KASCADE_NOTIFY": str(file), "TEAM_HOOK": "https://x.example.com/y\n", "OTHER_SECRET": "o"}
    )
    assert all(path.exists() for path in added.manifests)
    config, secret = added.objects
    assert config["data"] == {"notify.yaml": ROUTES}
    assert secret["stringData"] == {"TEAM_HOOK": "https://x.example.com/y"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "notify.yaml cannot be read: No such file or directory"),
        ("routes: [{nme: team}]", "unknown key `nme`; did you mean 'name'?"),
        (ROUTES, "TEAM_HOOK, which the route team names, is not set: expected an http or https address"),
    ],
)
def test_what_cannot_be_used_is_told_before_anything_starts(
    tmp_path: Path, text: str | None, said: str
) -> None:
    file = tmp_path / "notify.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(HomeError) as error:
        additions_of({"KASCADE_NOTIFY": str(file)})
    assert said in str(error.value)
