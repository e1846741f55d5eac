"""A real MinIO on this machine, with its webhook for object events."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from eventing.store.s3 import S3Store, make_client
from kascade.system.process import HOST, StoreProcessError, find_binary, free_port
from kascade.system.stores.server import StoreServer

WEBHOOK_ID = "KASCADE"
WATCHED_BUCKETS = ("raw", "feedback", "batch")


@dataclass(frozen=True)
class Webhook:
    """Where object events are POSTed.

    Attributes:
        endpoint: the URL.
        token: sent as `Authorization: Bearer`.
        queue_dir: where events wait while the endpoint is down. Without it MinIO tries once.
    """

    endpoint: str
    token: str = ""
    queue_dir: Path | None = None


class MinioStore(StoreServer):
    """A MinIO server over a folder, running while the context is open.

    With a `webhook` it announces each object created in or removed from a bucket that people drop files into.
    """

    webhook: Webhook | None = None

    def __enter__(self) -> Self:
        """Start it, wait until it answers, and turn its notifications on.

        Raises:
            StoreProcessError: no minio, keys too short, a port in use, or it did not start.
        """
        if len(self._keys[0]) < 3 or len(self._keys[1]) < 8:
            raise StoreProcessError("MinIO wants an access key of 3 characters or more, and a secret of 8")
        minio = find_binary("minio", self._binary, "build it with `make minio`, or put it on the PATH")
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [minio, "server", str(self.folder.resolve()), "--address", f"{HOST}:{self.port}"]
        command += ["--console-address", f"{HOST}:{free_port()}", "--quiet"]
        process = self._start(command, self._variables())
        try:
            if self.webhook:
                self._announce_objects()
        except BaseException:
            process.stop()
            raise
        return self

    def _variables(self) -> dict[str, str]:
        variables = {
            **os.environ,
            "MINIO_ROOT_USER": self._keys[0],
            "MINIO_ROOT_PASSWORD": self._keys[1],
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",
        }
        if self.webhook:
            variables |= {
                f"MINIO_NOTIFY_WEBHOOK_ENABLE_{WEBHOOK_ID}": "on",
                f"MINIO_NOTIFY_WEBHOOK_ENDPOINT_{WEBHOOK_ID}": self.webhook.endpoint,
                f"MINIO_NOTIFY_WEBHOOK_AUTH_TOKEN_{WEBHOOK_ID}": self.webhook.token,
            }
            if (queue_dir := self.webhook.queue_dir) is not None:
                queue_dir.mkdir(parents=True, exist_ok=True)
                variables[f"MINIO_NOTIFY_WEBHOOK_QUEUE_DIR_{WEBHOOK_ID}"] = str(queue_dir.resolve())
        return variables

    def _announce_objects(self) -> None:
        client = make_client(self.env)
        queue = {
            "QueueArn": f"arn:minio:sqs::{WEBHOOK_ID}:webhook",
            "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"],
        }
        for bucket in WATCHED_BUCKETS:
            S3Store(client).ensure_bucket(bucket)
            client.put_bucket_notification_configuration(
                Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [queue]}
            )
