"""Which system is meant: the option before the environment, an address before a folder."""

from __future__ import annotations

import pytest

from kascade.reach.systems import reach_of, url_of
from kascade.system.home import HomeError


def test_an_address_in_the_environment_comes_before_the_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KASCADE_HOME", "here")
    assert url_of(None) is None
    monkeypatch.setenv("KASCADE_URL", "http://there:8080")
    assert url_of(None) == "http://there:8080"
    assert url_of("a/folder") is None
    assert url_of("k8s://") == "k8s://"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x",
        "http://",
        "http://x/path",
        "k8s://a/b/c",
        "k8s:///Upper",
        "k8s:///x_y",
        "://",
        "k8s://c/ns?x",
    ],
)
def test_what_is_no_address_is_told_how_one_is_written(url: str) -> None:
    with pytest.raises(HomeError, match="is no address of a system: write http://HOST:PORT"):
        reach_of(url)


def test_an_address_without_a_scheme_in_the_environment_is_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KASCADE_URL", "localhost:8080")
    with pytest.raises(HomeError, match="localhost:8080 is no address"):
        reach_of(None)
