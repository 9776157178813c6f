"""The one typed table of settings: ``NUMBERLINE_...`` variables of the environment, and nothing else."""

import ipaddress
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from pipeline.errors import SettingsInvalid

PREFIX = "NUMBERLINE_"
Port = Annotated[int, Field(ge=0, le=65535)]
_CLAIM = r"^[!-~]{1,200}$"


def _networks(text: str) -> str:
    """Refuse what is no list of networks; a ValueError becomes the setting's problem."""
    for one in text.split(","):
        if one.strip():
            ipaddress.ip_network(one.strip())
    return text


def _setting(default: Any, accepts: str, **rules: Any) -> Any:
    return Field(default=default, description=accepts, **rules)


class Settings(BaseSettings):
    """Every setting; the description of each says what it is and what it accepts."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True, hide_input_in_errors=True)

    kafka_bootstrap_servers: str = _setting(
        "127.0.0.1:9092",
        "the Kafka brokers, HOST:PORT and more after commas",
        pattern=r"^[^\s,]+:\d+(,[^\s,]+:\d+)*$",
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = _setting(
        "PLAINTEXT", "how Kafka is spoken to: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL"
    )
    kafka_ca_file: Path | None = _setting(
        None, "a PEM file of the authorities that may vouch for the brokers; the system's without"
    )
    kafka_certificate_file: Path | None = _setting(
        None, "a PEM file of this client's own certificate (mTLS), with its key or beside NUMBERLINE_KAFKA_KEY_FILE"
    )
    kafka_key_file: Path | None = _setting(None, "a PEM file of the key of that certificate")
    kafka_sasl_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = _setting(
        "SCRAM-SHA-512", "how a user logs in to Kafka: SCRAM-SHA-512, SCRAM-SHA-256 or PLAIN"
    )
    kafka_username: str | None = _setting(None, "the user of Kafka, with SASL", min_length=1)
    kafka_password: SecretStr | None = _setting(None, "the password of that user", min_length=1)
    database_url: SecretStr = _setting(
        SecretStr("postgresql://127.0.0.1/numberline"),
        "the PostgreSQL database, postgresql://USER:PASSWORD@HOST/NAME",
    )
    namespace: str = _setting(
        "numberline",
        "what topics, consumer groups and changelogs begin with: 1 to 40 of a-z 0-9 - .",
        pattern=r"^[a-z0-9][a-z0-9.-]{0,39}$",
    )
    state_dir: Path = _setting(Path(".numberline"), "a directory for local state")
    worker_id: str = _setting(
        socket.gethostname(),
        "the worker's name, which its state directory bears: no two running workers may share it; "
        "1 to 100 of A-Z a-z 0-9 . _ -",
        pattern=r"^[A-Za-z0-9._-]{1,100}$",
    )
    host: str = _setting(
        "127.0.0.1", "the address that gateway and metrics listen on; 0.0.0.0 for all", min_length=1
    )
    gateway_port: Port = _setting(6161, "the WebSocket gateway's port, 0 to 65535; 0 takes a free one")
    http_port: Port = _setting(6160, "the HTTP API's port, 0 to 65535; 0 takes a free one")
    metrics_port: Port | None = _setting(
        None, "the port of the Prometheus metrics, 0 to 65535; worker 9101 and gateway 9102 without"
    )
    auth_secret: SecretStr | None = _setting(
        None, "the secret that signs tokens (HS256), at least 32 characters", min_length=32
    )
    auth_jwks_url: str | None = _setting(
        None,
        "the http(s) URL of the identity provider's public keys (a JWK Set), by which tokens are verified too",
        pattern=r"^https?://[^\s]+$",
    )
    auth_audience: str | None = _setting(
        None, "what the claim aud of a token must hold; needed with a JWK Set, 1 to 200 characters", pattern=_CLAIM
    )
    auth_issuer: str | None = _setting(
        None, "what the claim iss of a token must be; needed with a JWK Set, 1 to 200 characters", pattern=_CLAIM
    )
    auth_operator_scope: str = _setting(
        "numberline:operator",
        "the scope of tokens that may read every user's tasks and numbers: 1 to 200 characters, no space",
        pattern=_CLAIM,
    )
    auth_requests: Literal["off", "required"] = _setting(
        "off", "whether a request on Kafka needs a signed authorization header: off or required"
    )
    fictional_only: bool = _setting(
        False, "whether every generation is of fictional numbers, NPA-555-0100 to 0199, and of no others: 0 or 1"
    )
    partitions: int = _setting(
        4, "partitions of every topic, 1 to 1000; fixed when `numberline init` runs first", ge=1, le=1000
    )
    replication_factor: int = _setting(
        1, "copies of every partition, 1 to 9; used by `numberline init`", ge=1, le=9
    )
    window: int = _setting(8, "batches of one task in flight at once, 1 to 1000", ge=1, le=1000)
    store_connections: int = _setting(
        2, "PostgreSQL connections that a worker stores rows by, 1 to 32", ge=1, le=32
    )
    deadline_seconds: float = _setting(
        30.0,
        "how long a step waits for a broker or PostgreSQL before the worker ends, 1 to 600 s",
        ge=1,
        le=600,
    )
    dead_letter_limit: int = _setting(
        50,
        "dead letters within NUMBERLINE_DEAD_LETTER_SECONDS after which a worker ends with status 2 instead of "
        "draining a topic, 1 to 1000000; refused requests do not count",
        ge=1,
        le=1_000_000,
    )
    dead_letter_seconds: float = _setting(
        60.0, "the time that NUMBERLINE_DEAD_LETTER_LIMIT is about, 1 to 86400 s", ge=1, le=86_400
    )
    compact_seconds: float = _setting(
        3600.0,
        "how often a worker looks for facts so old that they can be put together, 1 to 604800 s; 0 for never",
        ge=0,
        le=604_800,
    )
    session_timeout_seconds: float = _setting(
        3.0, "after how long without a heartbeat a worker's partitions move, 1 to 300 s", ge=1, le=300
    )
    lookup_provider: str | None = _setting(
        None, "who answers external lookups: the name of an installed provider, such as twilio; none without"
    )
    lookup_rate: float = _setting(10.0, "lookups a second and worker, 1 to 1000", ge=1, le=1000)
    lookup_timeout_seconds: float = _setting(
        5.0, "how long one number may take at the provider, retries included, 0.1 to 30 s", ge=0.1, le=30
    )
    lookup_budget: int = _setting(
        1000, "numbers that one task may have looked up, its first ones, 0 to 1000000", ge=0, le=1_000_000
    )
    lookup_cache_days: float = _setting(
        30.0, "for how long an answer of the provider is good for later tasks, 0 to 3650 days", ge=0, le=3650
    )
    max_connections: int = _setting(
        10_000, "WebSocket connections that a gateway holds, 1 to 1000000", ge=1, le=1_000_000
    )
    max_connections_of_user: int = _setting(
        100, "WebSocket connections of one user that a gateway holds, 1 to 1000000", ge=1, le=1_000_000
    )
    max_connections_of_address: int = _setting(
        1000, "the same of one address (of IPv6, one /64), 1 to 1000000", ge=1, le=1_000_000
    )
    messages_per_minute: int = _setting(
        600,
        "WebSocket frames that a client may send a minute on one connection, 10 to 1000000; as many at once",
        ge=10,
        le=1_000_000,
    )
    messages_per_minute_of_user: int = _setting(
        6000, "the same on all connections of one user, 10 to 10000000", ge=10, le=10_000_000
    )
    messages_per_minute_of_address: int = _setting(
        60_000, "the same on all connections of one address, 10 to 10000000", ge=10, le=10_000_000
    )
    max_subscriptions: int = _setting(
        1000, "tasks that one WebSocket connection may subscribe to, 1 to 100000", ge=1, le=100_000
    )
    trusted_proxies: Annotated[str, AfterValidator(_networks)] = _setting(
        "", "proxies whose X-Forwarded-For is believed: addresses or networks, as 10.0.0.0/8, after commas"
    )
    allowed_origins: str = _setting(
        "",
        "web pages that may call the gateway beside its own: origins as https://HOST, after commas; * for all",
        pattern=r"^(\*|https?://[^\s,/]+/?(\s*,\s*https?://[^\s,/]+/?)*)?$",
    )
    websocket_compression: bool = _setting(
        False, "whether WebSocket clients may ask for compression (permessage-deflate): 0 or 1"
    )
    http_url: str | None = _setting(
        None,
        "the URL that clients reach the HTTP API by, where it is not the one they connect to: "
        "http://HOST or https://HOST, with or without a port and a path",
        pattern=r"^https?://[^\s/?#]+(/[^\s?#]*)?$",
    )
    gateway_url: str | None = _setting(
        None,
        "the same of the WebSocket gateway: ws://HOST or wss://HOST",
        pattern=r"^wss?://[^\s/?#]+(/[^\s?#]*)?$",
    )
    http_connections: int = _setting(1000, "HTTP connections that a gateway holds, 1 to 100000", ge=1, le=100_000)
    http_calls_per_minute: int = _setting(
        1200,
        "HTTP calls a minute of one user, and of one address without a good token, 1 to 1000000",
        ge=1,
        le=1_000_000,
    )
    http_upload_bytes: int = _setting(
        1 << 30, "bytes of a list that is uploaded, and of it unpacked, 1 to 1099511627776", ge=1, le=1 << 40
    )
    http_database_connections: int = _setting(
        4, "PostgreSQL connections that a gateway reads by, 1 to 32", ge=1, le=32
    )
    tracing: Literal["off", "otlp"] = _setting(
        "off", "whether requests are traced: off, or otlp, to where the standard OTEL_ variables say"
    )
    log_level: Literal["debug", "info", "warning", "error"] = _setting("info", "debug, info, warning or error")
    log_format: Literal["console", "json"] = _setting(
        "console", "how worker and gateway log: console, for people, or json, one object a line"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment and explicit arguments; no files."""
        return init_settings, env_settings


def in_url(host: str) -> str:
    """A host as it stands in a URL: an IPv6 address in brackets (RFC 3986, section 3.2.2)."""
    return f"[{host}]" if ":" in host else host


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def heartbeat_seconds(settings: Settings) -> float:
    """How often a worker says that it lives, and learns that the group changes."""
    return min(0.25, settings.session_timeout_seconds / 6)


def load_settings(**overrides: Any) -> Settings:
    """Settings of this process's environment.  Raises SettingsInvalid, naming every wrong variable."""
    unknown = unknown_variables(os.environ)
    try:
        settings = Settings(**overrides)
    except ValidationError as error:
        wrong = {
            variable(name): f"must be {Settings.model_fields[name].description}; {_got(name)}"
            for name in {str(one["loc"][0]): None for one in error.errors()}
        }
        raise SettingsInvalid({**wrong, **unknown}) from None
    if unknown:
        raise SettingsInvalid(unknown)
    return settings


def _got(name: str) -> str:
    secret = "Secret" in str(Settings.model_fields[name].annotation)
    return "its value is not shown" if secret else f"got {os.environ.get(variable(name))!r}"


def unknown_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Variables with our prefix that are no setting: a misspelt one would be silently without effect."""
    known = {variable(name) for name in Settings.model_fields}
    return {
        name: "is not a setting; `numberline settings` lists them"
        for name in sorted(environment)
        if name.startswith(PREFIX) and name not in known
    }
