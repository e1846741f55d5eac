"""Says what the feature views of an existing Feast repository are, as JSON. It runs where Feast is installed.

    python describe_repo.py s3://lake/feast/feature_store.yaml     or the folder it is in; on disk likewise

The registry is read as its feature_store.yaml says, by Feast itself; nothing is written. Variables are
Feast's own, and AWS_ENDPOINT_URL_S3, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION for S3.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

try:
    from feast import FeatureStore, FileSource
    from feast.feature_view import DUMMY_ENTITY_NAME
except ImportError as error:
    raise SystemExit(
        f"{error}: Feast is to be where this runs; a checkout gets it with: make feast"
    ) from error


def main(arguments: list[str]) -> None:
    """Print the description."""
    if len(arguments) != 1:
        raise SystemExit("usage: describe_repo.py REPOSITORY")
    with tempfile.TemporaryDirectory() as folder:
        store = FeatureStore(fs_yaml_file=_config(arguments[0], Path(folder)))
        registry, project = store.registry, store.project
        listed = registry.list_feature_views(project, allow_cache=False)
        views = [described(store, each) for each in sorted(listed, key=lambda view: view.name)]
        computed = [each.name for each in registry.list_on_demand_feature_views(project)]
        streamed = [each.name for each in registry.list_stream_feature_views(project)]
    views += [{"name": each, "problem": "it is computed: write it under `expressions`"} for each in computed]
    views += [{"name": each, "problem": "it is a stream: send `features.pushed`"} for each in streamed]
    json.dump({"project": project, "views": views}, sys.stdout)


def described(store: Any, view: Any) -> dict[str, Any]:
    """Return a view's name and what model.yaml says of it; or why it cannot be said there."""
    source = view.batch_source
    problem = "it has no entity" if view.entities == [DUMMY_ENTITY_NAME] else _problem(source)
    if problem:
        return {"name": view.name, "problem": problem}
    keys = [store.registry.get_entity(name, store.project).join_key for name in view.entities]
    seconds = view.ttl.total_seconds() if view.ttl else 0
    return {
        "name": view.name,
        "path": source.path,
        "entity": keys,
        "timestamp": source.timestamp_field,
        "ttl_s": seconds or None,
        "fields": [each.name for each in view.features],
        "created": source.created_timestamp_column or None,
    }


def _problem(source: Any) -> str | None:
    if not isinstance(source, FileSource):
        return f"its source is a {type(source).__name__}; only Parquet files in S3 are read"
    if not str(source.path).startswith("s3://"):
        return f"its source is {source.path}; only Parquet files in S3 are read"
    if type(source.file_format).__name__ not in ("ParquetFormat", "NoneType"):
        return f"its source is in {type(source.file_format).__name__}; only Parquet files are read"
    if source.field_mapping:
        return f"its source renames columns ({', '.join(source.field_mapping)})"
    return None


def _config(repo: str, folder: Path) -> Path:
    """Return where feature_store.yaml lies on this machine."""
    if not repo.endswith((".yaml", ".yml")):
        repo = f"{repo.rstrip('/')}/feature_store.yaml"
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3")
    if endpoint:
        os.environ.setdefault("FEAST_S3_ENDPOINT_URL", endpoint)
    if os.environ.get("AWS_REGION"):
        os.environ.setdefault("AWS_DEFAULT_REGION", os.environ["AWS_REGION"])
    if not repo.startswith("s3://"):
        return Path(repo).absolute()
    import boto3
    from botocore.exceptions import ClientError

    bucket, _, key = repo.removeprefix("s3://").partition("/")
    path = folder / "feature_store.yaml"
    try:
        boto3.resource("s3", endpoint_url=endpoint).Bucket(bucket).download_file(key, str(path))
    except ClientError as error:
        raise SystemExit(f"{repo} cannot be read: {error}") from error
    return path


if __name__ == "__main__":
    main(sys.argv[1:])
