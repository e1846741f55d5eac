"""Which system is meant, and the ways to its functions and to its object store."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

from eventing.store import ObjectMissing, RequestRefused, S3Store, StoreUnavailable
from kascade.reach.cluster import Cluster
from kascade.reach.gateway import Gateway
from kascade.reach.port import Reach
from kascade.system.home import NAMESPACE, Home, HomeError, locate

URL_VARIABLE = "KASCADE_URL"
_FORMS = "http://HOST:PORT, https://HOST:PORT or k8s://CONTEXT/NAMESPACE"
_GATEWAY = re.compile(r"https?://[^/?#\s]+/?")
_CLUSTER = re.compile(r"k8s://([^/?#\s]*)(?:/([a-z0-9]([-a-z0-9]*[a-z0-9])?)?)?")


def home_of(system: str | Path | None) -> Home:
    """Return the state folder that is given, else the one that the environment names."""
    return locate(os.environ, None if system is None else Path(system))


def url_of(system: str | Path | None) -> str | None:
    """Return the address of the system that is meant; None when it lives in a state folder here."""
    if system is not None:
        return str(system) if "://" in str(system) else None
    return os.environ.get(URL_VARIABLE) or None


def reach_of(system: str | Path | None) -> Reach:
    """Return the way to a system. Raises: HomeError, CallError."""
    url = url_of(system)
    if url is None:
        return Gateway.of_home(home_of(system))
    if _GATEWAY.fullmatch(url):
        return Gateway.at(url)
    return Cluster(*cluster_of(url))


def cluster_of(url: str) -> tuple[str | None, str]:
    """Return the context, or None for the current one, and the namespace of a cluster's address.

    Raises:
        HomeError: it is no such address.
    """
    if (found := _CLUSTER.fullmatch(url)) is not None:
        return unquote(found[1]) or None, found[2] or NAMESPACE
    slash = "; a slash in a context's name is written %2F" if url.startswith("k8s:") else ""
    raise HomeError(f"{url} is no address of a system: write {_FORMS}{slash}")


@contextmanager
def store_of(system: str | Path | None) -> Iterator[S3Store]:
    """Give the object store of a system; that of one with an address is what AWS's own variables name.

    Raises:
        HomeError: nothing runs in the state folder, or the store that the variables name cannot be used.
    """
    url = url_of(system)
    if url is None:
        yield S3Store.from_env({**os.environ, **home_of(system).store_environment()})
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
