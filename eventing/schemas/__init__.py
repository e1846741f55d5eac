"""What is generated from the payload classes: the JSON Schema of each event's data, and docs/events.md.

`python -m eventing.schemas` writes both; with `--check` it says whether they are up to date.
"""

from __future__ import annotations

import json
from pathlib import Path

from eventing.catalogue import PAYLOADS
from eventing.schemas import reference

FOLDER = Path(__file__).parent
PAGE = FOLDER.parents[1] / "docs" / "events.md"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def render(type_: str) -> str:
    """Return the schema file's text for one event type."""
    schema = PAYLOADS[type_].model_json_schema(mode="validation")
    return json.dumps({"$schema": _DIALECT, "$id": f"urn:kascade:{type_}", **schema}, indent=2) + "\n"


def path_of(type_: str) -> Path:
    """Return where the schema of an event type lies."""
    return FOLDER / f"{type_}.json"


def write_all() -> list[Path]:
    """Write every generated file, remove the schemas of types that are gone, and return what changed."""
    changed = stale()
    wanted = _wanted()
    for path in changed:
        if path in wanted:
            path.write_text(wanted[path])
        else:
            path.unlink()
    return changed


def stale() -> list[Path]:
    """Return the files that are missing, not what the classes say, or schemas of no event type."""
    wanted = _wanted()
    outdated = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    return sorted([*outdated, *(path for path in FOLDER.glob("*.json") if path not in wanted)])


def _wanted() -> dict[Path, str]:
    """Return the text of every generated file. Where only packages are installed there is no page."""
    page = {PAGE: reference.render()} if PAGE.parent.is_dir() else {}
    return {path_of(type_): render(type_) for type_ in PAYLOADS} | page
