"""The API's description of itself: groups, versions, resources, and enough OpenAPI for kubectl."""

from __future__ import annotations

import platform
from typing import Any

from knative.local.resources.kinds import KINDS, Json, Kind

VERSION = {
    "major": "1",
    "minor": "32",
    "gitVersion": "v1.32.0-kascade",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "none",
    "compiler": "none",
    "platform": f"linux/{platform.machine()}",
}
_READ = ["get", "list", "watch"]
_WRITE = ["create", "update", "patch", "delete", "deletecollection"]


def versions() -> Json:
    """Return the answer to `/api`."""
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}


def groups() -> Json:
    """Return the answer to `/apis`."""
    names = dict.fromkeys(kind.group for kind in KINDS if kind.group)
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [group(name) for name in names]}


def group(name: str) -> Json:
    """Return the answer to `/apis/<group>`, empty when the group is not known."""
    known = dict.fromkeys(kind.version for kind in KINDS if kind.group == name)
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in known]
    if not listed:
        return {}
    return {
        "kind": "APIGroup",
        "apiVersion": "v1",
        "name": name,
        "versions": listed,
        "preferredVersion": listed[0],
    }


def resources(group_name: str, version: str) -> Json:
    """Return the answer to `/apis/<group>/<version>`, empty when there is nothing of that version."""
    listed = [_resource(k) for k in KINDS if (k.group, k.version) == (group_name, version)]
    if not listed:
        return {}
    name = f"{group_name}/{version}" if group_name else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": listed}


def _resource(kind: Kind) -> Json:
    verbs = _READ + (_WRITE if kind.written_by_users else ["delete"] if kind.name == "Revision" else [])
    return {
        "name": kind.plural,
        "singularName": kind.name.lower(),
        "namespaced": kind.namespaced,
        "kind": kind.name,
        "shortNames": list(kind.short),
        "categories": ["all", "knative"] if "knative" in kind.group else [],
        "verbs": verbs,
    }


def openapi_index() -> Json:
    """Return the answer to `/openapi/v3`."""
    paths = {_root(kind): {"serverRelativeURL": f"/openapi/v3/{_root(kind)}"} for kind in KINDS}
    return {"paths": paths}


def openapi_v3(root: str) -> Json:
    """Return OpenAPI 3 of one group and version: enough for kubectl to leave validation to us."""
    schemas: dict[str, Any] = {}
    paths: dict[str, Any] = {}
    for kind in KINDS:
        if _root(kind) != root:
            continue
        types = [{"group": kind.group, "version": kind.version, "kind": kind.name}]
        name = f"local.{kind.group or 'core'}.{kind.version}.{kind.name}"
        schemas[name] = {
            "type": "object",
            "x-kubernetes-group-version-kind": types,
            "x-kubernetes-preserve-unknown-fields": True,
        }
        query = [
            {"name": word, "in": "query", "schema": {"type": "string"}}
            for word in ("dryRun", "fieldManager", "fieldValidation")
        ]
        operation = {
            "parameters": query,
            "responses": {"200": {"description": "OK"}},
            "x-kubernetes-group-version-kind": types[0],
        }
        item = (
            f"/{root}/namespaces/{{namespace}}/{kind.plural}" if kind.namespaced else f"/{root}/{kind.plural}"
        )
        paths[item] = {"post": {**operation, "x-kubernetes-action": "post"}}
        paths[f"{item}/{{name}}"] = {"patch": {**operation, "x-kubernetes-action": "patch"}}
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kascade", "version": VERSION["gitVersion"]},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def openapi_v2() -> Json:
    """Return an OpenAPI 2 document without schemas: kubectl then checks nothing itself."""
    info = {"title": "Kascade", "version": VERSION["gitVersion"]}
    return {"swagger": "2.0", "info": info, "paths": {}, "definitions": {}}


def _root(kind: Kind) -> str:
    return f"apis/{kind.group}/{kind.version}" if kind.group else f"api/{kind.version}"
