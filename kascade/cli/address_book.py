"""What a person needs once the system is up: every address, and the three ways in, ready to paste."""

from __future__ import annotations

from rich.console import Console

from kascade.reach.systems import home_of, url_of
from kascade.rendering.terminal import escape
from kascade.system.home import NAMESPACE, Home


def print_address_book(home: Home, console: Console) -> None:
    """Print the addresses of a running system and how data, events and calls get in."""
    endpoints = home.endpoints()
    port = endpoints.gateway.rsplit(":", 1)[1]
    found = home.path == home_of(None).path and url_of(None) is None
    home_option = "" if found else f" --home {home.path}"
    rows = {
        "console": f"{endpoints.gateway}/  (open it in a browser)",
        "services": f"{endpoints.gateway}/-/services/{NAMESPACE}/<service>",
        "": f"http://<service>.{NAMESPACE}.localhost:{port} (for curl and browsers)",
        "broker": endpoints.broker,
        "object store": f"{endpoints.store}  (keys: kascade env{home_option})",
        "Kubernetes API": f"{endpoints.api}  (KUBECONFIG={home.path / 'kubeconfig'})",
        "logs": str(home.path / "logs"),
    }
    console.print(
        "[bold green]Kascade is up.[/] Ctrl-C ends it; what it knows stays in " + escape(str(home.path))
    )
    for name, value in rows.items():
        console.print(f"  {name:<15} {value}", markup=False, highlight=False, soft_wrap=True)
    console.print("\n[bold]Drop data[/]: a model.yaml (one line is enough) and a file of examples")
    console.print(
        "  kascade spec init train.csv --target churned --model churn --out model.yaml\n"
        f"  kascade drop model.yaml train.csv --model churn{home_option}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    console.print("[bold]Send an event[/]: from any system that speaks CloudEvents")
    console.print(
        f"  curl {endpoints.broker} -H 'content-type: application/json' \\\n"
        "    -H 'ce-specversion: 1.0' -H 'ce-id: 1' -H 'ce-source: /me' -H 'ce-subject: churn' \\\n"
        "    -H 'ce-type: dev.kascade.training.requested' -d '{\"model\": \"churn\"}'",
        highlight=False,
        soft_wrap=True,
    )
    console.print("[bold]Ask a model[/]")
    console.print(
        f"  curl {endpoints.gateway}/-/services/{NAMESPACE}/churn/v1/models/churn:predict \\\n"
        '    -d \'{"instances": [{"amount": 12.5, "country": "DE"}]}\'',
        highlight=False,
        soft_wrap=True,
    )
    console.print(
        f"\nSee how it is: kascade status{home_option}\nWatch it: kascade events --follow{home_option}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
