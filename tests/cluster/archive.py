"""Writes an image archive (docker save's form): the same layers under several names.

archive.py OUT.tar IMAGES.json LAYER.tar...; IMAGES.json holds {"name:tag": {"Entrypoint": [...], ...}}.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
import tarfile
from pathlib import Path


def digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))


def write(out: Path, images: dict[str, dict[str, object]], layers: list[Path]) -> None:
    root = {"type": "layers", "diff_ids": [f"sha256:{digest_of(layer)}" for layer in layers]}
    with tarfile.open(out, "w") as archive:
        for number, layer in enumerate(layers):
            archive.add(layer, arcname=f"layer-{number}.tar")
        manifest = []
        for name, config in images.items():
            document = {"architecture": "amd64", "os": "linux", "config": config, "rootfs": root}
            content = json.dumps(document, sort_keys=True).encode()
            config_name = hashlib.sha256(content).hexdigest() + ".json"
            add(archive, config_name, content)
            names = [f"layer-{number}.tar" for number in range(len(layers))]
            manifest.append({"Config": config_name, "RepoTags": [name], "Layers": names})
        add(archive, "manifest.json", json.dumps(manifest).encode())


if __name__ == "__main__":
    out, images, *layers = map(Path, sys.argv[1:])
    write(out, json.loads(images.read_text()), layers)
