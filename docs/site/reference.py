"""Writes the pages of docs/reference from the code: `python -m docs.site.reference [--check]`."""

from __future__ import annotations

import argparse
import re
import sys
import textwrap
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from typer.main import get_command

from kascade.cli import build

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "reference"
_MARK = "<!-- Written by `python -m docs.site.reference`. Do not edit. -->"
_EVERYWHERE = ("help",)


def commands() -> str:
    """Return the page of all commands with their arguments and options."""
    root = get_command(build())
    lines = [
        "# Commands",
        "",
        _MARK,
        "",
        "Every command with its options, as `kascade COMMAND --help` has them.",
        "[Operations](../operations.md) shows them at work.",
        "",
    ]
    for name, command in sorted(_leaves(root, "kascade")):
        lines += _command(name, command)
    return "\n".join(lines).rstrip() + "\n"


def settings() -> str:
    """Return the page of the settings: what the README of each function says of its own."""
    lines = [
        "# Settings",
        "",
        _MARK,
        "",
        "Environment variables. On a cluster most of them come from the ConfigMap `kascade`",
        "([how](../cluster.md#settings-of-a-cluster)).",
        "",
        "- [Of the command line](#command-line), and of what runs on a laptop",
        "- [Of every function](#every-function)",
    ]
    found = {readme.parent.name: _section(readme) for readme in sorted(ROOT.glob("functions/*/README.md"))}
    lines += [f"- [Of {name}](#{name})" for name, section in found.items() if section]
    lines += ["", COMMAND_LINE, EVERY_FUNCTION]
    for name, section in found.items():
        if section:
            lines += [f"## {name}", "", f"[What it does](../../functions/{name}/README.md)", "", section, ""]
    return "\n".join(lines).rstrip() + "\n"


def http() -> str:
    """Return the page of what is answered over HTTP, as READMEs list it; a test holds them to the code."""
    lines = [
        "# HTTP",
        "",
        _MARK,
        "",
        "Where each answers is in [Operations](../operations.md). A model's own OpenAPI document, with its",
        "features, is at `/openapi.json` of its address. Besides, every function answers:",
        "",
        "- `POST /`: CloudEvents in binary, structured or batched mode: 200 with the event that answers,",
        "  204 without one; 400 and 422 are final, 500 and 503 are tried again",
        "- `GET /healthz`, `GET /readyz`: whether the process lives, and whether it can work",
        "- `GET /metrics`: for Prometheus ([all metrics](../metrics.md))",
        "",
    ]
    for readme in sorted(ROOT.glob("functions/*/README.md")):
        found = [item for item in _items(readme) if _ROUTE.match(item[0])]
        if found:
            name = readme.parent.name
            lines += [f"## {name}", "", f"[What it does](../../functions/{name}/README.md)", ""]
            for item in found:
                lines += _wrapped(_outward(" ".join(item)).removeprefix("- "), "- ")
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


_ROUTE = re.compile(r"- `(GET|POST) /")


def _items(readme: Path) -> Iterator[list[str]]:
    """Yield the lines of each item of a README's lists."""
    item: list[str] = []
    for line in readme.read_text(encoding="utf-8").splitlines():
        if item and line.startswith("  "):
            item.append(line)
            continue
        if item:
            yield item
        item = [line] if line.startswith("- ") else []
    if item:
        yield item


COMMAND_LINE = """\
## Command line

- `KASCADE_HOME`
  - default: `.kascade` here
  - the state folder of the system that is meant
- `KASCADE_URL`
  - the system that is meant, in place of a folder: `http://HOST:PORT` or `k8s://CONTEXT/NAMESPACE`
- `KASCADE_TOKEN`
  - the token that commands and the Python client show
- `KASCADE_TOKENS`
  - for `kascade up`: lines `name token scope[,scope…]`, whom it lets in ([security](../security.md))
- `KASCADE_CORS_ORIGINS`
  - for `kascade up`: origins of web pages that may ask the gateway, separated by spaces
- `KASCADE_NOTIFY`
  - for `kascade up`: a file that says whom to tell what ([how](../how-to/notify.md))
- `KASCADE_AIRFLOW`
  - for `kascade demo --engine airflow`: the program `airflow`
- `KASCADE_FEAST`
  - for `kascade up`: the Python of an environment with Feast, such as `make feast` makes in `.cache/feast`
- `KASCADE_PYTHON`
  - for an Airflow worker: the Python in which Kascade is installed
- `AWS_ENDPOINT_URL_S3`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`
  - the object store, with `KASCADE_URL`
- `MLFLOW_TRACKING_URI`
  - where trainings are logged, and where `kascade register models:/…` looks
"""
EVERY_FUNCTION = """\
## Every function

- `HOST`, `PORT`
  - default: 0.0.0.0, 8080
- `KASCADE_THREADS`
  - default: 4
  - requests at a time
- `KASCADE_LOG_LEVEL`
  - default: info
  - debug, info, warning or error
- `K_SINK`
  - the broker, for events that are no answer to one
- `SINK_TIMEOUT_S`
  - default: 10
  - how long its answer is waited for, 0.1 to 600
- `SINK_TOKEN_FILE`
  - a file with the token for a broker that asks who sends
- `K_CA_CERTS`
  - PEM of CAs that the broker's certificate may come from, besides the system's
- `OTEL_EXPORTER_OTLP_ENDPOINT`
  - where traces are sent, none without it ([how](../how-to/traces.md))
- `K_CE_OVERRIDES`
  - extensions that every event sent gets; set by a SinkBinding
"""


def _leaves(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    parts = getattr(command, "commands", None)
    if parts is None:
        yield name, command
    for part, each in (parts or {}).items():
        yield from _leaves(each, f"{name} {part}")


def _command(name: str, command: Any) -> list[str]:
    lines = [f"## {name}", "", *_wrapped(command.help or "", ""), ""]
    for each in command.params:
        if each.name in _EVERYWHERE or getattr(each, "hidden", False):
            continue
        lines += _wrapped(f"{_names(each)}: {_about(each)}", "- ")
    examples = [line.removeprefix("Example: ") for line in (command.epilog or "").splitlines() if line]
    if examples:
        lines += ["", "```console", *(f"$ {each}" for each in examples), "```"]
    return [*lines, ""]


def _names(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{parameter.name}`"
    names = ", ".join(f"`{each}`" for each in (*parameter.opts, *parameter.secondary_opts))
    return names if parameter.is_flag else f"{names} {_kind(parameter.type_descriptor.annotation)}"


def _kind(annotation: Any) -> str:
    """Say what an option takes, from its annotation."""
    parts = get_args(annotation)
    if get_origin(annotation) is Literal or (isinstance(annotation, type) and issubclass(annotation, Enum)):
        return " or ".join(f"`{getattr(each, 'value', each)}`" for each in parts or annotation)
    if parts:
        return _kind(parts[0])
    return {Path: "*path*", int: "*number*", float: "*number*"}.get(annotation, "*text*")


def _about(parameter: Any) -> str:
    notes = [getattr(parameter, "help", "") or ""]
    if parameter.required:
        notes.append("required")
    elif getattr(parameter, "show_default", False) and parameter.default not in (None, False, "", (), []):
        notes.append(f"default `{getattr(parameter.default, 'value', parameter.default)}`")
    if getattr(parameter, "multiple", False):
        notes[0] = notes[0].removesuffix("; repeatable")
        notes.append("repeatable")
    return "; ".join(filter(None, notes))


def _wrapped(text: str, bullet: str) -> list[str]:
    paragraphs = [" ".join(each.split()) for each in text.split("\n\n")]
    options = {"initial_indent": bullet, "subsequent_indent": " " * len(bullet)}
    wrapped = [
        textwrap.wrap(each, 116, break_on_hyphens=False, break_long_words=False, **options)  # type: ignore[arg-type]
        for each in paragraphs
    ]
    return "\n\n".join("\n".join(each) for each in wrapped).splitlines()


def _section(readme: Path) -> str:
    """Return what stands under *Settings*, with links as they are from docs/reference."""
    found = re.search(r"^## Settings\n(.*?)(?=^## |\Z)", readme.read_text(encoding="utf-8"), re.M | re.S)
    text = found[1].strip() if found else ""
    text = _outward(text)
    return "\n".join(line for each in text.splitlines() for line in _narrow(each))


def _outward(text: str) -> str:
    """Return a README's text with links as they are from docs/reference."""
    text = text.replace("](../../docs/", "](../")
    return re.sub(r"\]\(\.\./(\w+)/README", r"](../../functions/\1/README", text)


def _narrow(line: str) -> list[str]:
    """Return a line of a README: a row of a table as an item of a list, a long line wrapped."""
    if line.startswith("|"):
        cells = [each.strip() for each in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells[0] in ("variable", "---"):
            return []
        middle = " ".join(f"(default {each})" for each in cells[1:-1] if each)
        line = f"- {' '.join(filter(None, (cells[0], middle)))}: {cells[-1]}"
    indent = " " * (len(line) - len(line.lstrip()) + 2 * line.lstrip().startswith("- "))
    return textwrap.wrap(
        line, 116, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False
    ) or [""]


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


PAGES = {"commands.md": commands, "http.md": http, "settings.md": settings}


def main() -> int:
    """Run the command line; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m docs.site.reference", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a page is out of date")
    check = parser.parse_args().check
    rendered = {FOLDER / name: render() for name, render in PAGES.items()}
    stale = {path: text for path, text in rendered.items() if text != _read(path)}
    for path, text in stale.items():
        if not check:
            path.write_text(text, encoding="utf-8")
        print(f"{'out of date' if check else 'written'}: {path.relative_to(ROOT)}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
