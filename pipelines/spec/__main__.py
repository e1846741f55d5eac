"""Writes the tables of docs/model-yaml.md anew: `python -m pipelines.spec docs/model-yaml.md`."""

import sys
from pathlib import Path

from pipelines.spec.reference import replace_block

if __name__ == "__main__":
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_text(replace_block(path.read_text(encoding="utf-8")), encoding="utf-8")
