"""What runs the pipelines: each a process, as a Workflow of Argo is some pods."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]


@dataclass
class Cluster:
    """The namespace that steps run in: a pod that asks for a key which is not there never starts."""

    config_maps: dict[str, dict[str, str]] = field(default_factory=dict)
    secrets: dict[str, dict[str, str]] = field(default_factory=dict)

    def environment(self, platform_spec: Mapping[str, Any]) -> dict[str, str] | None:
        """Return the variables that the steps get; None: a key is missing."""
        executors = (
            platform_spec.get("platforms", {})
            .get("kubernetes", {})
            .get("deploymentSpec", {})
            .get("executors", {})
        )
        found: dict[str, str] = {}
        for executor in executors.values():
            for source, each, name, key in (
                (self.config_maps, "configMapAsEnv", "configMapName", "configMapKey"),
                (self.secrets, "secretAsEnv", "secretName", "secretKey"),
            ):
                for wanted in executor.get(each, []):
                    for pair in wanted["keyToEnv"]:
                        value = source.get(wanted[name], {}).get(pair[key])
                        if value is None:
                            return None
                        found[pair["envVar"]] = value
        return found


class Workflow:
    """One start of a pipeline."""

    def __init__(
        self, folder: Path, spec: Mapping[str, Any], parameters: Mapping[str, Any], env: dict[str, str] | None
    ) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        if env is None:
            return  # its pods wait for ever
        (folder / "tmp").mkdir(parents=True)
        (folder / "pipeline.yaml").write_text(yaml.safe_dump(dict(spec)))
        command = [sys.executable, "-m", "pipelines", "run", "--workspace", str(folder), "--with-parent"]
        command += ["--package", str(folder / "pipeline.yaml")]
        given = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self._log = (folder / "log").open("wb")
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**given, **env, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder / "tmp")},
        )
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(dict(parameters)).encode() + b"\n")
        self._process.stdin.flush()  # it stays open: the run ends with this process

    @property
    def exit_code(self) -> int | None:
        """How it ended; None as long as it goes on."""
        return None if self._process is None else self._process.poll()

    def kill(self) -> None:
        """End it, as a Workflow that is terminated or lost."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.close()
        self._log.close()
