"""Reading manifests: kustomizations, patches, YAML as Kubernetes reads it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from knative.local.errors import ManifestError
from knative.local.manifests.documents import read_documents
from knative.local.manifests.kustomize import render
from knative.local.manifests.loading import load

ROOT = Path(__file__).parents[5]

SERVICE = """
apiVersion: serving.knative.dev/v1
kind: Service
metadata: {name: web, annotations: {since: "2026-01-01"}}
spec:
  template:
    metadata: {annotations: {a: "1"}}
    spec:
      containers:
        - image: acme/web:1
          env: [{name: A, value: "1"}, {name: B, value: "2"}]
"""
REST = """
apiVersion: batch/v1
kind: Job
metadata: {name: job, labels: {tier: back}}
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
        - {name: one, image: "acme/job@sha256:aa", env: [{name: A, value: "1"}]}
---
apiVersion: v1
kind: Namespace
metadata: {name: old}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: robot}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: may}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: may}
subjects: [{kind: ServiceAccount, name: robot}]
"""
KUSTOMIZATIONS = {
    "namespace": "namespace: fresh",
    "strategic patch": """
patches:
  - patch: |
      apiVersion: serving.knative.dev/v1
      kind: Service
      metadata: {name: web}
      spec: {template: {spec: {containers: [{image: acme/web:9}]}}}
  - patch: |
      apiVersion: batch/v1
      kind: Job
      metadata: {name: job}
      spec: {backoffLimit: 2, template: {spec: {containers: [{name: one, env: [{name: C, value: "3"}]}]}}}
""",
    "deleting patch": """
patches:
  - patch: |
      apiVersion: serving.knative.dev/v1
      kind: Service
      metadata: {name: web}
      spec: {template: {metadata: {annotations: {a: null}}}}
  - patch: |
      $patch: delete
      apiVersion: batch/v1
      kind: Job
      metadata: {name: job}
""",
    "json patch by target": """
patches:
  - target: {kind: Service|Job, name: "we.*"}
    patch: |
      - {op: replace, path: /spec/template/spec/containers/0/image, value: acme/web:7}
      - {op: add, path: /metadata/annotations/example.org~1note, value: why}
  - target: {group: batch, version: v1}
    patch: |
      - {op: add, path: /spec/backoffLimit, value: 1}
""",
    "patch file": "patches: [{path: patch.yaml, target: {kind: Job}}]",
    "components": """
components: [../components/pinned, ../components/more]
namespace: fresh
""",
}
FOR_KUSTOMIZE = {
    "labels": "labels: [{pairs: {part: b}, includeTemplates: true, includeSelectors: true}]",
    "images": "images: [{name: acme/web, newTag: '2'}, {name: acme/job, newName: other/job, newTag: '3'}]",
    "annotations": "commonAnnotations: {note: x}",
    "a prefix": "namePrefix: a-",
    "generators": """
configMapGenerator: [{name: more, literals: [A=1, "B=two words"]}]
secretGenerator: [{name: keys, literals: [token=abc], options: {disableNameSuffixHash: true}}]
""",
    "a selector": """
patches:
  - target: {labelSelector: tier=back}
    patch: |
      - {op: add, path: /spec/backoffLimit, value: 1}
""",
    "a component that needs it": "components: [../components/labelled]",
}
COMPONENT = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
COMPONENTS = {
    "pinned": """
components: [../noted]
patches:
  - patch: |
      apiVersion: v1
      kind: ConfigMap
      metadata: {name: noted}
      data: {B: "of a component"}
""",
    "noted": "resources: [more.yaml]",
    "labelled": "labels: [{pairs: {a: b}}]",
    "more": """
resources: [more.yaml]
patches:
  - target: {kind: ConfigMap}
    patch: |
      - {op: add, path: /data/C, value: of another}
""",
}


def config_map(name: str, **data: str) -> str:
    return yaml.safe_dump({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})


def tree(folder: Path, kustomization: str) -> Path:
    (folder / "base").mkdir()
    (folder / "base" / "service.yaml").write_text(SERVICE)
    (folder / "base" / "rest.yaml").write_text(REST)
    (folder / "base" / "kustomization.yaml").write_text("resources: [service.yaml, rest.yaml]")
    (folder / "top").mkdir()
    (folder / "top" / "kustomization.yaml").write_text(f"resources: [../base]\n{kustomization}")
    (folder / "top" / "patch.yaml").write_text("- {op: add, path: /spec/backoffLimit, value: 5}")
    for name, component in COMPONENTS.items():
        (folder / "components" / name).mkdir(parents=True)
        (folder / "components" / name / "kustomization.yaml").write_text(COMPONENT + component)
    for name in ("more", "noted"):
        (folder / "components" / name / "more.yaml").write_text(config_map(name, D="1"))
    return folder / "top"


def by_name(bodies: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(body["kind"], body["metadata"]["name"]): body for body in bodies}


def kubectl_renders(folder: Path) -> list[dict[str, Any]]:
    if shutil.which("kubectl") is None:
        pytest.skip("needs kubectl; install it with: apt-get install kubernetes-client")
    done = subprocess.run(
        ["kubectl", "kustomize", str(folder)], capture_output=True, text=True, timeout=60, check=True
    )
    return list(yaml.safe_load_all(done.stdout))


@pytest.mark.parametrize("name", KUSTOMIZATIONS)
def test_a_tree_is_rendered_as_kubectl_renders_it(tmp_path: Path, name: str) -> None:
    folder = tree(tmp_path, KUSTOMIZATIONS[name])
    assert by_name([m.body for m in render(folder)]) == by_name(kubectl_renders(folder))


@pytest.mark.parametrize("name", FOR_KUSTOMIZE)
def test_what_our_trees_do_not_use_is_rendered_by_kubectl(tmp_path: Path, name: str) -> None:
    folder = tree(tmp_path, FOR_KUSTOMIZE[name])
    assert [m.body for m in render(folder)] == kubectl_renders(folder)


def test_what_kubectl_cannot_render_says_why(tmp_path: Path) -> None:
    folder = tree(tmp_path, "namePrefixes: a-")
    kubectl_renders(tmp_path / "base")
    with pytest.raises(ManifestError, match=r"top: kubectl kustomize: .*unknown field .*namePrefixes"):
        render(folder)


@pytest.mark.parametrize("name", FOR_KUSTOMIZE)
def test_what_our_trees_do_not_use_is_refused_where_there_is_no_kubectl(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    file = tree(tmp_path, FOR_KUSTOMIZE[name]) / "kustomization.yaml"
    if name == "a component that needs it":
        file = tmp_path / "components" / "labelled" / "kustomization.yaml"
    with pytest.raises(ManifestError, match="without kubectl or kustomize on the PATH") as caught:
        render(tmp_path / "top")
    assert all(problem.startswith(f"{file}: ") for problem in caught.value.problems)


@pytest.mark.parametrize("overlay", ["base", "overlays/local"])
def test_the_project_s_own_trees_are_rendered_as_kubectl_renders_them(overlay: str) -> None:
    folder = ROOT / "knative" / overlay
    assert by_name([m.body for m in render(folder)]) == by_name(kubectl_renders(folder))


@pytest.mark.parametrize(
    ("kustomization", "says"),
    [
        ("patches: [{patch: a, path: b}]", "either path or patch"),
        ("patches: [{path: none.yaml}]", "none.yaml: cannot be read"),
        (
            "patches: [{patch: '[{op: remove, path: /nothing}]', target: {kind: Job}}]",
            "Job job: remove /nothing: can't remove a non-existent object 'nothing'",
        ),
        ("patches: [{patch: '[{op: remove, path: /spec}]'}]", "needs a target"),
        (
            "patches: [{patch: '{kind: Job, apiVersion: batch/v1, metadata: {name: none}}'}]",
            "nothing is named Job none",
        ),
        ("kind: Component", "Component is not Kustomization"),
        ("components: [../base]", "Kustomization is not Component"),
        ("components: [../components]", "has no kustomization.yaml"),
        ("components: ['https://example.org/a']", "remote components are not fetched"),
        ("namespace: [", "kustomization.yaml"),
    ],
)
def test_what_cannot_be_rendered_names_file_and_key(tmp_path: Path, kustomization: str, says: str) -> None:
    folder = tree(tmp_path, kustomization)
    with pytest.raises(ManifestError) as caught:
        render(folder)
    assert says in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_a_missing_or_remote_or_circular_resource_is_named(tmp_path: Path) -> None:
    for entry, says in (
        ("none.yaml", "no such file"),
        ("https://example.org/a", "remote"),
        (".", "lead back"),
    ):
        (tmp_path / "kustomization.yaml").write_text(f"resources: [{entry}]")
        with pytest.raises(ManifestError, match=says):
            render(tmp_path)


def test_a_component_that_leads_back_to_itself_is_named(tmp_path: Path) -> None:
    folder = tree(tmp_path, "components: [../components/round]")
    (tmp_path / "components" / "round").mkdir()
    file = tmp_path / "components" / "round" / "kustomization.yaml"
    file.write_text(f"{COMPONENT}components: [../round]")
    with pytest.raises(ManifestError, match="components lead back to this folder"):
        render(folder)


def test_yaml_is_read_as_kubernetes_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("at: 2026-01-01\n---\n---\napiVersion: v1\nkind: List\nitems: [{kind: A}, {kind: B}]\n")
    assert [m.body for m in read_documents(file)] == [{"at": "2026-01-01"}, {"kind": "A"}, {"kind": "B"}]
    file.write_text("a: 1\nb: {c: 1, c: 2}\n")
    with pytest.raises(ManifestError, match="'c' is given twice"):
        read_documents(file)
    file.write_text("just text")
    with pytest.raises(ManifestError, match="holds a str"):
        read_documents(file)
    file.write_bytes(b"a: \xff")
    with pytest.raises(ManifestError, match="cannot be read"):
        read_documents(file)


def test_overrides_complete_objects_and_duplicates_are_refused(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "a.yaml").write_text(config_map("a", X="1", Y="1"))
    (tmp_path / "mine.yaml").write_text(config_map("a", Y="2") + "---\n" + config_map("b", Z="3"))
    loaded = load([tmp_path / "m"], [tmp_path / "mine.yaml"])
    assert [m.body["data"] for m in loaded] == [{"X": "1", "Y": "2"}, {"Z": "3"}]
    assert {m.body["metadata"]["namespace"] for m in loaded} == {"default"}

    with pytest.raises(ManifestError, match="is also in"):
        load([tmp_path / "m", tmp_path / "m" / "a.yaml"])
    with pytest.raises(ManifestError, match="no such file"):
        load([tmp_path / "none"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ManifestError, match="neither a kustomization"):
        load([tmp_path / "empty"])


def nulls_in(value: Any) -> bool:
    if isinstance(value, dict):
        return any(item is None or nulls_in(item) for item in value.values())
    return False
