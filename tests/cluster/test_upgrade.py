"""From one release to the next and back, with requests, events and a training on the way."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
from cluster.busy import Storm
from cluster.reach import ROOT, Cluster, Json, eventually, of_a_model
from cluster.recorded import Ledger
from cluster.retraining import Retraining

from kascade.demo.traffic import Traffic

NEXT = "0.2.0"
KUSTOMIZATION = """
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [../base]
images:
{images}
patches:
  - target: {{kind: Job}}
    options: {{allowNameChange: true}}
    patch: |
      - op: replace
        path: /metadata/name
        value: upgrade-state-next
"""


@pytest.fixture(scope="module")
def releases(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the manifests of this release and of a next one: the same code, images under other tags."""
    folder = tmp_path_factory.mktemp("releases")
    shutil.copytree(ROOT / "knative" / "base", folder / "base")
    containerd = ("ctr", "-a", str(cluster.work / "run" / "containerd.sock"), "-n", "k8s.io", "images")
    listed = subprocess.run([*containerd, "ls", "-q"], check=True, capture_output=True, text=True).stdout
    ours = re.findall(r"^docker\.io/(kascade/.*):0\.1\.0$", listed, re.MULTILINE)
    assert ours
    for name in ours:
        old, new = (f"docker.io/{name}:{tag}" for tag in ("0.1.0", NEXT))
        subprocess.run([*containerd, "tag", "--force", old, new], check=True, capture_output=True)
    images = "\n".join(f"  - {{name: {name}, newTag: {NEXT}}}" for name in ours)
    (folder / "next").mkdir()
    (folder / "next" / "kustomization.yaml").write_text(KUSTOMIZATION.format(images=images))
    return {"0.1.0": folder / "base", NEXT: folder / "next"}


@pytest.mark.parametrize("release", [NEXT, "0.1.0"])
def test_no_request_fails_and_no_event_is_lost_while_the_release_changes(
    cluster: Cluster,
    ledger: Ledger,
    retraining: Retraining,
    traffic: Traffic,
    releases: dict[str, Path],
    release: str,
) -> None:
    asked = traffic.tally.asked
    storm = Storm(cluster, "dev.kascade.test.upgrade", events=600, senders=2)
    sending = threading.Thread(target=storm.run, args=(900,))
    retraining.ask()
    sending.start()

    cluster.kubectl("apply", "-k", str(releases[release]))

    eventually(lambda: not of_another(cluster, release), 600, what=f"all functions at {release}")
    eventually(lambda: not cluster.unready(), 300, what=f"readiness of {cluster.unready()}")
    sending.join(900)
    eventually(lambda: storm.accepted <= ledger.ids(), 300, what="record of each accepted event")
    assert len(storm.accepted) == 600
    version = retraining.approved()
    ended = ledger.wait_for(
        "rollout.completed",
        about=retraining.model,
        timeout_s=600,
        matches=lambda event: event["data"]["version"] == version,
    )
    assert ended["data"]["outcome"] == "promoted"
    assert traffic.tally.asked > asked + 100
    assert traffic.tally.failed == []


def of_another(cluster: Cluster, release: str) -> list[str]:
    """Return the functions whose requests do not all go to a ready revision of a release."""
    revisions = {each["metadata"]["name"]: each for each in cluster.objects("revisions.serving.knative.dev")}
    services = [each for each in cluster.objects("services.serving.knative.dev") if not of_a_model(each)]
    return [
        each["metadata"]["name"]
        for each in services
        if any(
            not image_of(revisions.get(target.get("revisionName", ""))).endswith(f":{release}")
            for target in each["status"].get("traffic", [{}])
        )
    ]


def image_of(revision: Json | None) -> str:
    return str(revision["spec"]["containers"][0]["image"]) if revision else ""
