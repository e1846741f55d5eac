"""Generate the schemas and docs/events.md, or check that they are up to date."""

from __future__ import annotations

import argparse
import sys

from eventing.schemas import stale, write_all


def main() -> int:
    """Run the command line; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m eventing.schemas", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file is out of date")
    check = parser.parse_args().check
    changed = stale() if check else write_all()
    for path in changed:
        print(f"{'out of date' if check else 'written'}: {path.name}")
    return 1 if check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
