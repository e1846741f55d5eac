"""Builds the application of console; the only place that builds its clients."""

from __future__ import annotations

import os

from flask import Flask, Response, request

from eventing.app import create_app as create_event_app
from eventing.clock import Clock, utc_now
from eventing.errors import Rejected
from eventing.event import Event
from eventing.sink import EventSink, sink_from_env
from functions.console.cluster import Cluster, cluster_from_env
from functions.console.ledger import Ledger
from functions.console.logic import FUNCTION
from functions.console.model_pages import ModelPages
from functions.console.pages import Pages
from functions.console.rendering import Rendering
from functions.console.settings import Settings
from functions.console.steering import Steering

MAX_FORM_BYTES = 256 << 10


def create_app(
    settings: Settings | None = None,
    *,
    sink: EventSink | None = None,
    cluster: Cluster | None = None,
    clock: Clock = utc_now,
) -> Flask:
    """Build the application; what is not given is built from the environment."""
    settings = settings or Settings.from_env(os.environ)
    app = create_event_app(_refuse, name=FUNCTION, accepts={}, max_bytes=MAX_FORM_BYTES)
    app.template_folder, app.root_path = "templates", os.path.dirname(__file__)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.before_request(_from_our_own_page)
    ledger = Ledger(settings.services_url, settings.timeout_s)
    rendering = Rendering(settings.steering)
    rendering.add_to(app)
    Pages(rendering, ledger, cluster or cluster_from_env(settings.namespace), clock).add_to(app)
    ModelPages(rendering, ledger, settings.services_url).add_to(app)
    if settings.steering:
        Steering(ledger, sink or sink_from_env(os.environ), clock).add_to(app)
    return app


def _refuse(event: Event, payload: object) -> list[Event]:
    raise Rejected(f"the console takes no events, so {event.type} is none of its business")


def _from_our_own_page() -> Response | None:
    """Refuse what a page of another address made a browser send; links that somebody followed only show."""
    if request.method in ("GET", "HEAD"):
        return None
    origin = request.headers.get("Origin")
    elsewhere = origin is not None and origin.partition("://")[2] != request.host
    if elsewhere or request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
        return Response("refused: it comes from a page of another address\n", 403, content_type="text/plain")
    return None
