"""The options of the local runtime."""

from __future__ import annotations

from pathlib import Path

import pytest

from knative.local.options import parse


def test_options_are_read_and_wrong_ones_end_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    options = parse(["--manifests", "a", "--manifests", "b", "--config-map", "c", "--gateway-port", "0"])
    assert (options.manifests, options.config, options.gateway_port) == (
        (Path("a"), Path("b")),
        (Path("c"),),
        0,
    )
    for wrong in (["--gateway-port", "70000"], ["--max-jobs", "0"]):
        with pytest.raises(SystemExit) as caught:
            parse(["--manifests", "a", *wrong])
        assert caught.value.code == 2
    assert "between 0 and 65535" in capsys.readouterr().err
