"""The JSON Schema of each event's data, generated from the payload classes, for systems in other languages.

`python -m eventing.schemas` writes them; with `--check` it says whether they are up to date.
"""

from __future__ import annotations

import json
from pathlib import Path

from eventing.catalogue import PAYLOADS

FOLDER = Path(__file__).parent
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def render(type_: str) -> str:
    """Return the schema file's text for one event type."""
    schema = PAYLOADS[type_].model_json_schema(mode="validation")
    return json.dumps({"$schema": _DIALECT, "$id": f"urn:kascade:{type_}", **schema}, indent=2) + "\n"


def path_of(type_: str) -> Path:
    """Return where the schema of an event type lies."""
    return FOLDER / f"{type_}.json"


def write_all() -> list[Path]:
    """Write every schema, remove those of types that are gone, and return what changed."""
    changed = stale()
    for path in changed:
        type_ = path.name.removesuffix(".json")
        if type_ in PAYLOADS:
            path.write_text(render(type_))
        else:
            path.unlink()
    return changed


def stale() -> list[Path]:
    """Return the schema files that are missing, not what the classes say, or of no event type."""
    wanted = {path_of(type_): render(type_) for type_ in PAYLOADS}
    outdated = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    return sorted([*outdated, *(path for path in FOLDER.glob("*.json") if path not in wanted)])
