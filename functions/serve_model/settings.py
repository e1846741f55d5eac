"""The settings of serve_model, read once from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from eventing.environment import Variables
from eventing.tls import trusting
from eventing.tokens import Tokens
from pipelines.prediction_ids import MAX_ROWS

FEATURE_SERVER = "http://feature-server.kascade.svc.cluster.local"


@dataclass(frozen=True)
class ObjectStore:
    """Where s3:// URIs are fetched from. Without static keys, boto3's own search for credentials is used."""

    endpoint_url: str | None = None
    region: str = "us-east-1"
    access_key: str | None = None
    secret_key: str | None = None
    session_token: str | None = None


@dataclass(frozen=True)
class LogSettings:
    """How predictions are logged; without a sink they are not.

    Attributes:
        sink: URL that batches are POSTed to.
        overrides: extensions of every event.
        ca_certs: PEM of the CAs that an https sink may be signed by, besides the system's.
        token_file: file of the token for a sink that asks for one.
        timeout_s: how long the sink's answer is waited for.
        interval_s: how often the queue is emptied.
        queue_rows: at most so many rows wait; what comes then is dropped and counted.
        queue_bytes: what waits may occupy about so much memory.
        batch_rows: rows in one event at most.
        batch_bytes: bytes in one event at most, unless a single row has more.
    """

    sink: str | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)
    ca_certs: str | None = None
    token_file: str | None = None
    timeout_s: float = 10.0
    interval_s: float = 1.0
    queue_rows: int = 50_000
    queue_bytes: int = 32 << 20
    batch_rows: int = 500
    batch_bytes: int = 48 << 10


@dataclass(frozen=True)
class Settings:
    """Which model is served, where, and the limits of one request.

    `feature_server`: URL of the server that features are looked up at.
    """

    model: str
    version: int
    uri: str
    sha256: str
    store: ObjectStore = ObjectStore()
    host: str = "0.0.0.0"  # noqa: S104 - a container's server listens on every interface
    port: int = 8080
    max_bytes: int = 8 << 20
    max_rows: int = 10_000
    max_entities: int = 1_000
    feature_server: str = FEATURE_SERVER
    ort_threads: int = 1
    drain_s: int = 30
    log: LogSettings = field(default_factory=LogSettings)
    tokens: Tokens = field(default_factory=Tokens)


def from_env(env: Mapping[str, str]) -> Settings:
    """Read the settings. Raises: SettingsError listing every variable that is missing or wrong."""
    read = Variables(env)
    return read.checked(
        Settings(
            model=read.text("MODEL_NAME", r"[a-z]([-a-z0-9]*[a-z0-9])?", "a DNS label such as 'churn'"),
            version=read.number("MODEL_VERSION", None, 1, 2**31),
            uri=read.text("MODEL_URI", r"(s3://[^/]+/.+|file:///.+)", "s3://bucket/key or file:///path"),
            sha256=read.text("MODEL_SHA256", r"[0-9a-f]{64}", "the SHA-256 of model.onnx, 64 hex digits"),
            store=ObjectStore(
                endpoint_url=env.get("AWS_ENDPOINT_URL_S3") or env.get("AWS_ENDPOINT_URL"),
                region=env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or "us-east-1",
                access_key=env.get("AWS_ACCESS_KEY_ID"),
                secret_key=env.get("AWS_SECRET_ACCESS_KEY"),
                session_token=env.get("AWS_SESSION_TOKEN"),
            ),
            host=read.get("HOST", Settings.host),
            port=read.number("PORT", Settings.port, 0, 65535),
            max_bytes=read.number("MAX_BODY_BYTES", Settings.max_bytes, 1024, 1 << 30),
            max_rows=read.number("MAX_ROWS", Settings.max_rows, 1, MAX_ROWS),
            max_entities=read.number("MAX_ENTITIES", Settings.max_entities, 1, MAX_ROWS),
            feature_server=read.text(
                "FEATURE_SERVER_URL",
                r"https?://[^\s/]+\S*",
                "the http address of a feature server",
                Settings.feature_server,
            ),
            ort_threads=read.number("ORT_THREADS", Settings.ort_threads, 1, 256),
            drain_s=read.number("DRAIN_S", Settings.drain_s, 0, 3600),
            log=_log_settings(read),
            tokens=_tokens(read),
        )
    )


def _tokens(read: Variables) -> Tokens:
    try:
        return Tokens.parse(read.get("KASCADE_TOKENS"))
    except ValueError as error:
        read.wrong(f"KASCADE_TOKENS: {error}")
        return Tokens()


def _log_settings(read: Variables) -> LogSettings:
    expected = "the http address that predictions are sent to"
    return LogSettings(
        sink=read.text("K_SINK", r"https?://[^/]+.*", expected, "") or None,
        overrides=_overrides(read),
        ca_certs=_certificates(read),
        token_file=read.text("SINK_TOKEN_FILE", r"/.+", "the path of a file", "") or None,
        timeout_s=read.seconds("SINK_TIMEOUT_S", LogSettings.timeout_s, 0.1, 600),
        interval_s=read.seconds("LOG_INTERVAL_S", LogSettings.interval_s, 0.01, 3600),
        queue_rows=read.number("LOG_QUEUE_ROWS", LogSettings.queue_rows, 1, 10**8),
        queue_bytes=read.number("LOG_QUEUE_BYTES", LogSettings.queue_bytes, 1024, 1 << 40),
        batch_rows=read.number("LOG_BATCH_ROWS", LogSettings.batch_rows, 1, 10_000),
    )


def _overrides(read: Variables) -> Mapping[str, str]:
    text = read.get("K_CE_OVERRIDES")
    if not text:
        return {}
    from eventing.sink import parse_overrides  # slow to import, and hardly ever asked for

    try:
        return parse_overrides(text)
    except ValueError as error:
        read.wrong(str(error))
        return {}


def _certificates(read: Variables) -> str | None:
    text = read.get("K_CA_CERTS")
    if not text:
        return None
    try:
        trusting(text)
    except ValueError as error:
        read.wrong(str(error))
    return text
