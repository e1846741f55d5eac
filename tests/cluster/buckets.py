"""Makes Kascade's buckets, and has MinIO tell receive_objects of new objects.

It does what `mc mb` and `mc event add` do. Reads cluster.json on standard input.
"""

from __future__ import annotations

import json
import sys

import boto3

from kascade.system.home import BUCKETS

WATCHED = ("raw", "feedback", "batch")
ARN = "arn:minio:sqs::KASCADE:webhook"

reach = json.load(sys.stdin)
s3 = boto3.client(
    "s3",
    endpoint_url=reach["store"],
    aws_access_key_id=reach["store_key"],
    aws_secret_access_key=reach["store_secret"],
    region_name="us-east-1",
)
known = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
for name in BUCKETS:
    if name not in known:
        s3.create_bucket(Bucket=name)
for name in WATCHED:
    told = {"QueueArn": ARN, "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]}
    s3.put_bucket_notification_configuration(
        Bucket=name, NotificationConfiguration={"QueueConfigurations": [told]}
    )
