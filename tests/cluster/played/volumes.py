"""What a pod's volumes and variables hold, as the API server has it now."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

from cluster.played.api import Api, Json, Missing


class NotYet(Exception):
    """Something that a container is made of does not exist (yet)."""


class Contents:
    """Reads ConfigMaps, Secrets, tokens and the pod's own fields for one pod."""

    def __init__(self, api: Api, pod: Json, address: str) -> None:
        self._api, self._pod, self._address = api, pod, address
        self._home = f"/api/v1/namespaces/{pod['metadata']['namespace']}"

    def variables(self, container: Json, given: dict[str, str]) -> dict[str, str]:
        """Return a container's variables: the image's, `envFrom`, then `env`, with $(NAME) filled in."""
        found = dict(given)
        for source in container.get("envFrom", []):
            for kind in ("configMapRef", "secretRef"):
                if kind in source:
                    ref = source[kind]
                    read = self._data("configmaps" if kind == "configMapRef" else "secrets", ref)
                    found |= {source.get("prefix", "") + name: text.decode() for name, text in read.items()}
        for each in container.get("env", []):
            text = self._from(each["valueFrom"], container) if "valueFrom" in each else each.get("value", "")
            found[each["name"]] = filled(text, found)
        return found

    def lay_down(self, volume: Json, folder: Path) -> None:
        """Write a volume's files into a folder."""
        files: dict[str, bytes] = {}
        if "emptyDir" not in volume:
            for source in volume.get("projected", {}).get("sources", [volume]):
                files |= self._files(source)
        folder.mkdir(parents=True)
        folder.chmod(0o777)
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)

    def _files(self, source: Json) -> dict[str, bytes]:
        if "configMap" in source:
            return chosen(self._data("configmaps", source["configMap"]), source["configMap"])
        if "secret" in source:
            ref = source["secret"]
            return chosen(self._data("secrets", {**ref, "name": ref.get("secretName", ref.get("name"))}), ref)
        if "downwardAPI" in source:
            items = source["downwardAPI"]["items"]
            return {each["path"]: self._field(each["fieldRef"]["fieldPath"]).encode() for each in items}
        if "serviceAccountToken" in source:
            asked = source["serviceAccountToken"]
            return {asked["path"]: self._token(asked).encode()}
        raise NotYet(f"a volume of this kind is not played: {sorted(source)}")

    def _token(self, asked: Json) -> str:
        spec: Json = {"expirationSeconds": asked.get("expirationSeconds", 3600)}
        if "audience" in asked:
            spec["audiences"] = [asked["audience"]]
        account = self._pod["spec"].get("serviceAccountName", "default")
        made = self._api.post(f"{self._home}/serviceaccounts/{account}/token", {"spec": spec})
        return str(made["status"]["token"])

    def _data(self, plural: str, ref: Json) -> dict[str, bytes]:
        try:
            read = self._api.get(f"{self._home}/{plural}/{ref['name']}")
        except Missing:
            if ref.get("optional"):
                return {}
            raise NotYet(f"{plural} {ref['name']} not found") from None
        if plural == "secrets":
            return {name: base64.b64decode(text) for name, text in (read.get("data") or {}).items()}
        return {name: text.encode() for name, text in (read.get("data") or {}).items()}

    def _from(self, source: Json, container: Json) -> str:
        if "fieldRef" in source:
            return self._field(source["fieldRef"]["fieldPath"])
        if "resourceFieldRef" in source:
            kind, _, name = source["resourceFieldRef"]["resource"].partition(".")
            return str(container.get("resources", {}).get(kind, {}).get(name, "1"))
        plural, ref = (
            ("secrets", source["secretKeyRef"])
            if "secretKeyRef" in source
            else ("configmaps", source["configMapKeyRef"])
        )
        read = self._data(plural, ref)
        if ref["key"] not in read and not ref.get("optional"):
            raise NotYet(f"{plural} {ref['name']} has no {ref['key']}")
        return read.get(ref["key"], b"").decode()

    def _field(self, path: str) -> str:
        if path in ("status.podIP", "status.podIPs"):
            return self._address
        if path in ("status.hostIP", "status.hostIPs"):
            return self._address
        if match := re.fullmatch(r"metadata\.(annotations|labels)\['(.+)'\]", path):
            return str(self._pod["metadata"].get(match[1], {}).get(match[2], ""))
        value: Any = self._pod
        for part in path.split("."):
            value = value.get(part, {})
        return value if isinstance(value, str) else ""


def chosen(data: dict[str, bytes], ref: Json) -> dict[str, bytes]:
    """Return the files that a volume's `items` choose and rename; all without items."""
    if "items" not in ref:
        return data
    return {each["path"]: data[each["key"]] for each in ref["items"] if each["key"] in data}


def filled(text: str, known: dict[str, str]) -> str:
    """Fill $(NAME) in where NAME is known, as Kubernetes does; $$ stands for $."""
    return re.sub(
        r"\$(\$|\(([^)]+)\))",
        lambda found: "$" if found[1] == "$" else known.get(found[2], found[0]),
        text,
    )
