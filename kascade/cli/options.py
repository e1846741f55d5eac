"""Options that several commands share, and what they name: a system's client, and its object store."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote

import typer
from rich.console import Console

from eventing.store import ObjectMissing, RequestRefused, S3Store, StoreUnavailable
from kascade.client import Client
from kascade.reach.cluster import Cluster
from kascade.reach.gateway import Gateway
from kascade.reach.port import Reach
from kascade.system.home import NAMESPACE, Home, HomeError, locate

BEGIN, LOOK, STEER, EVENTS = "Begin", "Look", "Steer a model", "Speak in events"
"""The headings under which `kascade --help` lists the commands."""

HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home", help="the state folder; else $KASCADE_HOME, else .kascade here", show_default=False
    ),
]
SystemOption = Annotated[
    str | None,
    typer.Option(
        "--home",
        "--url",
        metavar="PLACE",
        help="the system that is meant: a state folder, http://HOST:PORT of a gateway, or "
        "k8s://CONTEXT/NAMESPACE of a cluster, both may be left out; "
        "else $KASCADE_URL, $KASCADE_HOME, .kascade here",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="print JSON, one value per line")]

URL_VARIABLE = "KASCADE_URL"
_FORMS = "http://HOST:PORT, https://HOST:PORT or k8s://CONTEXT/NAMESPACE"
_GATEWAY = re.compile(r"https?://[^/?#\s]+/?")
_CLUSTER = re.compile(r"k8s://([^/?#\s]*)(?:/([a-z0-9]([-a-z0-9]*[a-z0-9])?)?)?")


def home_of(path: Path | None) -> Home:
    """Return the state folder that the option or the environment names."""
    return locate(os.environ, path)


def url_of(place: str | None) -> str | None:
    """Return the address of the system that is meant; None when it lives in a state folder here."""
    if place is not None:
        return place if "://" in place else None
    return os.environ.get(URL_VARIABLE) or None


def client_of(place: str | None) -> Client:
    """Return a client of the system that the option or the environment names, to be used in a `with`.

    Raises:
        HomeError, CallError: there is no way to it.
    """
    return Client(reach_of(place))


def reach_of(place: str | None) -> Reach:
    """Return the way to a system. Raises: HomeError, CallError."""
    url = url_of(place)
    if url is None:
        return Gateway.of_home(_home(place).endpoints())
    if _GATEWAY.fullmatch(url):
        return Gateway.at(url)
    if (found := _CLUSTER.fullmatch(url)) is not None:
        return Cluster(unquote(found[1]) or None, found[2] or NAMESPACE)
    slash = "; a slash in a context's name is written %2F" if url.startswith("k8s:") else ""
    raise HomeError(f"{url} is no address of a system: write {_FORMS}{slash}")


@contextmanager
def store_of(place: str | None) -> Iterator[S3Store]:
    """Give the object store of a system; that of one with an address is what AWS's own variables name.

    Raises:
        HomeError: nothing runs in the state folder, or the store that the variables name cannot be used.
    """
    url = url_of(place)
    if url is None:
        yield S3Store.from_env({**os.environ, **_home(place).store_environment()})
        return
    try:
        yield _store_by_variables()
    except (StoreUnavailable, RequestRefused, ObjectMissing) as error:
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or "not set"
        raise HomeError(
            f"{error}; the object store of {url} is the one that AWS_ENDPOINT_URL_S3 ({endpoint}), "
            "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION name"
        ) from error


def _store_by_variables() -> S3Store:
    """Return the store that AWS's own variables name. Raises: StoreUnavailable: they name none."""
    from botocore.exceptions import BotoCoreError

    try:
        return S3Store.from_env(os.environ)
    except (BotoCoreError, ValueError) as error:  # half a pair of keys, an unknown profile, no URL
        raise StoreUnavailable("s3://", str(error)) from error


def _home(place: str | None) -> Home:
    return home_of(None if place is None else Path(place))


def wide_console() -> Console:
    """Return a console for trees and tables: on a terminal they are wrapped, in a file nothing is cut off."""
    fits = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(highlight=False, emoji=False, width=None if fits else 1000)
