"""The image every component runs in on a cluster. It has this project installed; `kfp.local` ignores it."""

from __future__ import annotations

IMAGE = "kascade/run-training:0.1.0"
