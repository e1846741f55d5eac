"""Environments that a requirements file names: made by the real uv, once, in a folder of the test's own."""

from __future__ import annotations

import subprocess
import threading
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from pipelines.errors import StepError, TransientError
from pipelines.own_code.environment import python_for

PINNED = "".join(f"{name}=={version(name)}\n" for name in ("numpy", "pandas", "pyarrow"))
"""What is installed here: uv has it in its cache."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CODE_ENVIRONMENTS", str(tmp_path / "environments"))
    return tmp_path / "environments"


def wheel(folder: Path, name: str, source: str) -> Path:
    """Write a package of one module."""
    folder.mkdir(exist_ok=True)
    path, info = folder / f"{name}-1.0-py3-none-any.whl", f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr(f"{name}.py", source)
        packed.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        packed.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        packed.writestr(f"{info}/RECORD", "")
    return path


def made(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir() if each.is_dir())


def test_it_has_the_packages_and_nothing_of_kascade_and_is_made_once_however_many_ask(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    mine = wheel(tmp_path / "wheels", "mine", "answer = 42\n")
    requirements = f"{PINNED}mine @ {mine.as_uri()}\n".encode()
    found: list[str] = []
    asking = [
        threading.Thread(target=lambda: found.append(python_for(requirements, "requirements.txt")))
        for _ in range(3)
    ]
    for each in asking:
        each.start()
    for each in asking:
        each.join()
    (python,) = set(found)
    assert len(made(folder)) == 1
    assert capfd.readouterr().out.count("making the environment of requirements.txt") == 1
    script = "import mine, pandas, pyarrow, sys; sys.exit(0 if mine.answer == 42 else 1)"
    assert subprocess.run([python, "-I", "-c", script]).returncode == 0
    assert subprocess.run([python, "-I", "-c", "import kascade"], stderr=subprocess.DEVNULL).returncode == 1
    assert python_for(requirements + b"# more\n", "requirements.txt") != python


@pytest.mark.parametrize(
    ("requirements", "said"),
    [
        ("--no-index\nno-such-package\n", "no-such-package was not found"),
        ("pandas=<1\n", "no such comparison operator"),
        ("-r other.txt\n", "other.txt"),
        (f"{PINNED}pandas==0.1\n", "unsatisfiable"),
    ],
)
def test_what_cannot_be_installed_is_the_owners_fault_and_leaves_no_half_environment(
    folder: Path, requirements: str, said: str
) -> None:
    with pytest.raises(
        StepError, match=rf"^requirements.txt: its packages cannot be installed: (.*\n)*.*{said}"
    ):
        python_for(requirements.encode(), "requirements.txt")
    assert made(folder) == []


@pytest.mark.parametrize(
    "variables", [{"UV_OFFLINE": "1"}, {"UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple"}]
)
def test_an_index_that_does_not_answer_is_nobodys_fault(
    folder: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    for name, value in {**variables, "UV_HTTP_RETRIES": "0", "UV_NO_CACHE": "1"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(TransientError, match=r"^requirements.txt: the package index does not answer"):
        python_for(PINNED.encode(), "requirements.txt")
    assert made(folder) == []


def test_without_uv_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.own_code.environment.find_spec", lambda _: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(StepError, match=r"train\.requirements needs uv") as caught:
        python_for(b"pandas\n", "requirements.txt")
    assert "kascade[code]" in caught.value.fix


def test_what_installs_packages_sees_none_of_our_keys(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    uv = tmp_path / "bin" / "uv"
    uv.parent.mkdir()
    uv.write_text("#!/bin/sh\nenv\nexit 1\n")
    uv.chmod(0o755)
    monkeypatch.setattr("pipelines.own_code.environment.find_spec", lambda _: None)
    monkeypatch.setenv("PATH", f"{uv.parent}:/usr/bin:/bin")
    with pytest.raises(StepError) as caught:
        python_for(b"pandas\n", "requirements.txt")
    assert "AWS" not in caught.value.problem
