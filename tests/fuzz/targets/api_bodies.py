"""Requests to the local Kubernetes API: objects as JSON and YAML, patches, selectors."""

from __future__ import annotations

import socket
import tempfile
from functools import cache
from pathlib import Path

from fuzz.targets._http import split
from fuzz.targets._logs import Logged
from fuzz.targets._server import Served

from knative.local.api.server import Api
from knative.local.resources.journal import Journal
from knative.local.resources.kinds import NAMESPACE
from knative.local.resources.objects import Key
from knative.local.resources.store import Store

_CORE, _SERVING, _EVENTING = b"/api/v1", b"/apis/serving.knative.dev/v1", b"/apis/eventing.knative.dev/v1"
_SERVICE = (
    b'{"metadata":{"name":"s","annotations":{}},"spec":{"template":{"spec":{"containers":[{"image":"x","command":["true"],"env":['
    b'{"name":"A","value":"1"}],"ports":[{"containerPort":8080}]}],"timeoutSeconds":30}},"traffic":[{"percent":100,"latestRevision":true}]}}'
)
_IN = b"/namespaces/default/"
SEEDS = [
    b"POST " + _CORE + _IN + b'configmaps\n\n{"metadata":{"generateName":"c-"},"data":{"a":"1"}}',
    b"POST " + _SERVING + _IN + b"services\n\n" + _SERVICE,
    b"PUT " + _SERVING + _IN + b"services/s\n\n" + _SERVICE,
    b"POST "
    + _EVENTING
    + _IN
    + b'triggers?dryRun=All\n\n{"metadata":{"name":"t"},"spec":{"broker":"default","filters":[{"cesql":"a = 1"}],'
    b'"subscriber":{"ref":{"apiVersion":"serving.knative.dev/v1","kind":"Service","name":"s"}},"delivery":{"retry":2,"backoffDelay":"PT1S"}}}',
    b"POST /apis/sources.knative.dev/v1"
    + _IN
    + b'pingsources\n\n{"metadata":{"name":"p"},"spec":{"schedule":"*/1 * * * *","data":"{}",'
    b'"contentType":"application/json","sink":{"uri":"http://localhost:1"}}}',
    b"POST /apis/batch/v1"
    + _IN
    + b'jobs\n\n{"metadata":{"name":"j"},"spec":{"backoffLimit":0,"template":{"spec":{"restartPolicy":"Never",'
    b'"containers":[{"name":"c","image":"x","command":["true"]}]}}}}',
    b"PATCH "
    + _CORE
    + _IN
    + b"configmaps/kept?fieldManager=me\ncontent-type: application/apply-patch+yaml\n\napiVersion: v1\nkind: ConfigMap\n"
    b"metadata: {name: kept}\ndata: {a: '1'}\n",
    b"PATCH "
    + _CORE
    + _IN
    + b'configmaps/kept\ncontent-type: application/json-patch+json\n\n[{"op":"add","path":"/data/x~1y","value":"2"},'
    b'{"op":"copy","from":"/data","path":"/data/z"},{"op":"test","path":"/metadata/name","value":"kept"},{"op":"remove","path":"/data/z"}]',
    b"PATCH "
    + _CORE
    + _IN
    + b'configmaps/kept\ncontent-type: application/strategic-merge-patch+json\n\n{"data":{"a":null,"$patch":"replace"}}',
    b"PATCH "
    + _SERVING
    + _IN
    + b'services/s\ncontent-type: application/merge-patch+json\n\n{"spec":{"traffic":null},"metadata":{"labels":{"a":"b"}}}',
    b"GET "
    + _CORE
    + _IN
    + b"configmaps?labelSelector=a%3Db,c%20in%20(d)&fieldSelector=metadata.name%3Dkept&limit=1\naccept: "
    b"application/json;as=Table;v=v1;g=meta.k8s.io\n\n",
    b"GET " + _CORE + _IN + b"configmaps?watch=true&timeoutSeconds=1&resourceVersion=0\n\n",
    b"DELETE "
    + _CORE
    + _IN
    + b'configmaps/gone\n\n{"preconditions":{"uid":"x"},"propagationPolicy":"Foreground"}',
]
TOKENS = [
    b"content-type: ",
    b"application/yaml",
    b"charset=bogus",
    b"&a [",
    b"*a",
    b"<<: *a",
    b"? [a]\n",
    b'"op":"move"',
    b"/-",
    b"~2",
]
TOKENS += [
    b"$patch",
    b"$retainKeys",
    b"watch=true&timeoutSeconds=abc",
    b"%00",
    b"metadata",
    b"!!python/tuple ",
    b"!!binary ",
    b"---\n",
]

_LOGGED = Logged()
_TOKEN = "token"


@cache
def _server() -> Served:
    async def make(listener: socket.socket) -> None:
        store = Store(Journal(Path(tempfile.mkdtemp(prefix="fuzz-")) / "objects.db"))
        api = Api(store, {}, _TOKEN)
        for name in ("default", "kascade"):
            store.create(
                Key(NAMESPACE, "", name),
                {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}},
            )
        await api.start(listener)

    return Served(make)


def run(data: bytes) -> None:
    """Send a request; JSON is the type of a body that names none."""
    _LOGGED.forget()
    first, _, rest = data.partition(b"\n")
    headers, body = split(rest)
    if b"content-type" not in dict(headers):
        headers.append((b"content-type", b"application/json"))
    served = _server()
    host = b"127.0.0.1:%d" % served.port
    status, said = served.ask(
        first + b" HTTP/1.1",
        [(b"host", host), (b"authorization", b"Bearer " + _TOKEN.encode()), *headers],
        body,
    )
    if status >= 500:
        _LOGGED.refuse((status, said[:500]))
