"""What images are built from: each function has its list, each name its hashes, and the base its digest."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support.manifests import ROOT

LOCKS = ROOT / ".locks"
LISTS = {path.stem: path.read_text().split() for path in sorted((LOCKS / "images").glob("*.txt"))}
DOCKERFILE = (ROOT / "knative" / "image" / "Dockerfile").read_text()


def locked(file: Path) -> dict[str, str]:
    """Return each block of a lock by the name it locks."""
    blocks = re.split(r"^(?=[a-z0-9])", file.read_text(), flags=re.MULTILINE)
    return {block.partition("==")[0]: block for block in blocks if block}


def needed(extra: str) -> set[str]:
    """Return what an extra of this project leads to, by what is installed here."""
    found: set[tuple[str, str]] = set()
    waiting = [("kascade", extra)]
    while waiting:
        name, asked = waiting.pop()
        if (name, asked) in found:
            continue
        found.add((name, asked))
        try:
            lines = requires(name) or []
        except PackageNotFoundError:
            continue
        for line in map(Requirement, lines):
            if line.marker is None or line.marker.evaluate({"extra": asked}):
                waiting += [(canonicalize_name(line.name), each) for each in (*line.extras, "")]
    return {name for name, _ in found} - {"kascade"}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_is_what_its_extra_leads_to(name: str) -> None:
    assert needed(name) <= set(LISTS[name])


@pytest.mark.parametrize("name", LISTS)
def test_a_list_names_only_what_is_locked_with_hashes(name: str) -> None:
    known = locked(LOCKS / "all.txt")
    assert all("--hash=sha256:" in known.get(each, "") for each in LISTS[name])


@pytest.mark.parametrize("file", ["uv.txt", "sbom.txt", "feast.txt"])
def test_what_builds_an_image_is_locked_with_hashes_and_without_an_address(file: str) -> None:
    text = (LOCKS / file).read_text()
    assert all("--hash=sha256:" in block for block in locked(LOCKS / file).values())
    assert "://" not in text


@pytest.mark.parametrize("name", [each for each in LISTS if each != "drift"])
def test_no_image_has_what_is_not_free_for_production_unless_asked(name: str) -> None:
    assert "alibi-detect" not in LISTS[name]


def test_the_base_is_pinned_by_digest_and_is_the_only_one() -> None:
    assert re.search(r"^ARG BASE=python:3\.12-slim@sha256:[0-9a-f]{64}$", DOCKERFILE, re.MULTILINE)
    stages = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert stages == ["${BASE}", "tools", "scratch", "${BASE}"]


def test_no_image_has_the_front_door_or_the_runtime_for_one_machine() -> None:
    copied = re.findall(r"^COPY (?!--from)(\S+) /src", DOCKERFILE, re.MULTILINE)
    assert sorted(copied) == ["eventing", "functions", "pipelines"]
    ignored = (ROOT / "knative" / "image" / "Dockerfile.dockerignore").read_text().split()
    assert {"*", *(f"!{room}" for room in copied)} <= set(ignored)
    assert "!kascade" not in ignored
    on_the_cluster = (ROOT / "tests" / "cluster" / "images.sh").read_text()
    assert 'rm -rf "$root/usr/local/lib/$version/site-packages"/{kascade,knative}' in on_the_cluster


def test_the_image_of_feast_has_its_program_and_what_that_imports_beside_it() -> None:
    folder, image = ROOT / "pipelines" / "feast", ROOT / "knative" / "image"
    program = (folder / "kascade_feast.py").read_text()
    beside = re.findall(r"^(?:from|import) (\w+)", program, re.MULTILINE)
    needed = {"kascade_feast.py"} | {f"{name}.py" for name in beside if (folder / f"{name}.py").exists()}
    copied = re.findall(r"pipelines/feast/(\S+\.py)", (image / "feast.Dockerfile").read_text())
    assert set(copied) == needed
    ignored = (image / "feast.Dockerfile.dockerignore").read_text().split()
    assert {f"!pipelines/feast/{name}" for name in needed} <= set(ignored)


def test_every_installation_asks_for_hashes_and_the_last_stage_installs_nothing() -> None:
    steps = DOCKERFILE.replace("\\\n", " ").splitlines()
    installing = [step for step in steps if " install " in step]
    assert len(installing) == 2
    assert all("--require-hashes" in step for step in installing)
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert " install " not in last
    assert "USER 65532:65532" in last


def test_without_an_engine_the_fix_is_named(tmp_path: Path) -> None:
    for tool in ("make", "bash", "sh", "awk", "sed", "python3", "git", "env"):
        if path := shutil.which(tool):
            (tmp_path / tool).symlink_to(path)
    done = subprocess.run(
        ["make", "images"],
        cwd=ROOT,
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "install docker, podman or buildah" in done.stderr
