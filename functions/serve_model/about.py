"""What a person finds at a model's address: a page, and the OpenAPI document behind it.

Both are made when they are first asked for, so that a cold start does not pay for them.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from functions.serve_model import openapi
from functions.serve_model.model import Model
from functions.serve_model.responses import Response, json_response
from functions.serve_model.row_schema import example_of, example_row, feature_schema, tensors_of

PAGE, DOCUMENT = "/docs", "/openapi.json"
_HOST = re.compile(r"[A-Za-z0-9.\-_]+(:[0-9]{1,5})?|\[[0-9a-fA-F:.]+\](:[0-9]{1,5})?")
_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)*")
_HEADERS = (
    (b"content-type", b"text/html; charset=utf-8"),
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"vary", b"accept"),
)


@dataclass
class About:
    """The pages about one model."""

    model: Model
    max_rows: int
    guarded: bool

    def answers(self, path: str, headers: Mapping[bytes, bytes]) -> bool:
        """Say whether a GET is for these pages; at `/` only a browser's is, others ask there for health."""
        return path in (PAGE, DOCUMENT) or (path == "/" and b"text/html" in headers.get(b"accept", b""))

    def answer(self, path: str, headers: Mapping[bytes, bytes]) -> Response:
        """Answer such a GET."""
        if path == DOCUMENT:
            return json_response(self.document)
        return Response(200, self.page(address_of(headers)).encode(), _HEADERS)

    @cached_property
    def document(self) -> dict[str, Any]:
        """The OpenAPI document."""
        return openapi.document_of(self.model, self.max_rows, guarded=self.guarded)

    def page(self, address: str) -> str:
        """Return the page, whose commands ask at `address`."""
        model, row = self.model, example_row(self.model)
        features = [
            {
                "name": each.name,
                "kind": each.kind,
                "about": feature_schema(each, model)["description"],
                "example": json.dumps(example_of(each, model), ensure_ascii=False),
            }
            for each in model.encoding.features
        ]
        return str(
            self._template.render(
                model=model,
                address=address,
                about=openapi.described(model),
                features=features,
                keys=[each.name for each in model.plan.keys] if model.plan else [],
                outputs=model.outputs,
                classes=model.properties.get("classes"),
                metrics=model.properties.get("metrics") or {},
                curl=curl_line(address, model.name, row, guarded=self.guarded),
                curl_v2=curl_v2_line(address, model.name, tensors_of(model), guarded=self.guarded),
                python=python_lines(address, model.name, row, guarded=self.guarded),
            )
        )

    @cached_property
    def _template(self) -> Any:
        from jinja2 import Environment, StrictUndefined  # 60 ms of a cold start, for a rare page

        text = Path(__file__).with_name("about.html.j2").read_text()
        environment = Environment(
            autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        return environment.from_string(text)


def address_of(headers: Mapping[bytes, bytes]) -> str:
    """Return where the client reached this: by what proxies say, as far as it can be an address."""

    def header(name: bytes, pattern: re.Pattern[str], default: str) -> str:
        text = headers.get(name, b"").decode("latin-1").partition(",")[0].strip()
        return text if pattern.fullmatch(text) else default

    own = header(b"host", _HOST, "localhost:8080")
    scheme = header(b"x-forwarded-proto", re.compile("https?"), "http")
    prefix = header(b"x-forwarded-prefix", _PREFIX, "")
    return f"{scheme}://{header(b'x-forwarded-host', _HOST, own)}{prefix}"


def curl_line(address: str, model: str, row: Mapping[str, Any], *, guarded: bool) -> str:
    """Return the command that asks about a row."""
    return _curl(f"{address}/v1/models/{model}:predict", {"instances": [row]}, guarded)


def curl_v2_line(address: str, model: str, request: Mapping[str, Any], *, guarded: bool) -> str:
    """Return the command that asks the same by the Open Inference Protocol."""
    return _curl(f"{address}/v2/models/{model}/infer", request, guarded)


def python_lines(address: str, model: str, row: Mapping[str, Any], *, guarded: bool) -> str:
    """Return the Python that asks the same, with nothing but the standard library."""
    token = ', "Authorization": "Bearer " + os.environ["TOKEN"]' if guarded else ""
    body = json.dumps({"instances": [row]}, ensure_ascii=False)
    return (
        f"import json, {'os, ' if guarded else ''}urllib.request\n\n"
        f"body = json.loads({body!r})\n"
        "request = urllib.request.Request(\n"
        f"    {f'{address}/v1/models/{model}:predict'!r},\n"
        "    data=json.dumps(body).encode(),\n"
        f'    headers={{"Content-Type": "application/json"{token}}},\n'
        ")\n"
        "with urllib.request.urlopen(request) as answer:\n"
        "    print(json.load(answer))"
    )


def _curl(url: str, body: Mapping[str, Any], guarded: bool) -> str:
    token = ' \\\n  -H "Authorization: Bearer $TOKEN"' if guarded else ""
    header = shlex.quote(json.dumps(body, ensure_ascii=False))
    return f"curl {shlex.quote(url)} -H 'Content-Type: application/json'{token} \\\n  -d {header}"
