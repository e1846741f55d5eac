"""A real MinIO on this machine, with its webhook for object events."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Self

from eventing.store.s3 import S3Store, make_client
from kascade.system.process import HOST, ServerProcess, StoreProcessError, find_binary, free_port
from kascade.system.stores.server import StoreServer

WEBHOOK_ID = "KASCADE"
WATCHED_BUCKETS = ("raw", "feedback")


class MinioStore(StoreServer):
    """A MinIO server over a folder, running while the context is open.

    With a webhook endpoint it announces every object created in or removed from
    the buckets `raw` and `feedback`.
    """

    def __init__(
        self,
        folder: Path,
        port: int,
        access_key: str,
        secret_key: str,
        *,
        webhook_endpoint: str | None = None,
        webhook_token: str = "",
        queue_dir: Path | None = None,
        binary: Path | None = None,
        log: Path | None = None,
    ) -> None:
        """Prepare the server; nothing is started yet.

        Args:
            folder: where the objects lie; made if absent.
            port: the loopback port; 0 takes a free one.
            access_key: the root user; at least 3 characters.
            secret_key: its password; at least 8 characters.
            webhook_endpoint: where object events are POSTed.
            webhook_token: sent as `Authorization: Bearer`.
            queue_dir: where events wait while the endpoint is down. Without it MinIO tries once.
            binary: the minio to run; by default the one beside this Python, or on the PATH.
            log: where its output goes; by default beside the folder.
        """
        self.folder = folder
        self.port = port or free_port()
        self._keys = (access_key, secret_key)
        self._webhook = (webhook_endpoint, webhook_token, queue_dir)
        self._binary = binary
        self._log = log or folder.with_name(f"{folder.name}.log")
        self._process: ServerProcess | None = None

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
        self._process = ServerProcess(command, self._variables(), port=self.port, log=self._log)
        self._process.start()
        try:
            if self._webhook[0]:
                self._announce_objects()
        except BaseException:
            self._process.stop()
            raise
        return self

    def _variables(self) -> dict[str, str]:
        endpoint, token, queue_dir = self._webhook
        variables = {
            **os.environ,
            "MINIO_ROOT_USER": self._keys[0],
            "MINIO_ROOT_PASSWORD": self._keys[1],
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",
        }
        if endpoint:
            variables |= {
                f"MINIO_NOTIFY_WEBHOOK_ENABLE_{WEBHOOK_ID}": "on",
                f"MINIO_NOTIFY_WEBHOOK_ENDPOINT_{WEBHOOK_ID}": endpoint,
                f"MINIO_NOTIFY_WEBHOOK_AUTH_TOKEN_{WEBHOOK_ID}": token,
            }
            if queue_dir is not None:
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
