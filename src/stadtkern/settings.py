"""All settings, read once from the environment (and a TOML file with the same names).

Unknown ``STADTKERN_*`` names are an error: a typing mistake must not become a silent default.
"""

from __future__ import annotations

import importlib.metadata
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from stadtkern.errors import InvalidSettings

PREFIX = "STADTKERN_"
CONFIG_FILE = "STADTKERN_CONFIG"
"""Names a TOML file; what the environment says wins over it."""

MOST_INSTANCES = 100_000
"""Most instances that an answer about history can be allowed to hold."""

LEAST_ANSWER = 64 * 1024
"""Least bytes that an answer must be allowed to hold."""

Anonymous = Literal["none", "read", "write"]
MetricsReaders = Literal["local", "administrator", "all"]


@dataclass(frozen=True, slots=True)
class Settings:
    """The effective settings. Sizes are bytes, durations seconds."""

    data: Path = Path("stadtkern-data")
    """Folder of the embedded engine, of caches and of backups."""
    bind: str = "127.0.0.1"
    port: int = 8080
    database_url: str = ""
    """Empty: embedded SQLite in ``data``; else ``postgresql://user:password@host:port/database``."""
    workers: int = 1
    """Worker processes; more than one needs PostgreSQL."""
    admin_token: str = ""
    anonymous: Anonymous = "read"
    """What a request without credentials may do; ``write`` is for loopback only."""
    contexts: Path | None = None
    """Folder of pre-loaded @contexts."""
    allow_private_addresses: bool = False
    """Let outgoing requests reach private and loopback addresses."""
    public_url: str = ""
    """What the server is called from outside, path prefix included; empty: from the request's Host header."""
    insecure: bool = False
    """Allow binding to a public address without an administrator token."""
    implicit_tenants: bool = False
    """Create a tenant when a write names one that does not exist."""
    tenant_hosts: bool = True
    """Choose the tenant by the host name where a tenant has one."""
    max_body: int = 32 * 1024 * 1024
    body_memory: int = 128 * 1024 * 1024
    """Bytes of the bodies of all present requests; beyond it large ones get 429."""
    write_queue: int = 64 * 1024 * 1024
    """Bytes of accepted but not yet stored requests; beyond it clients get 429."""
    max_answer: int = 64 * 1024 * 1024
    """Bytes of documents in one answer: a page that would hold more ends early, with a link to the next one."""
    query_timeout_s: float = 10.0
    header_timeout_s: float = 30.0
    """For the head of a request, and between two requests on one connection."""
    body_timeout_s: float = 30.0
    shutdown_timeout_s: float = 20.0
    database_pool: int = 8
    """PostgreSQL connections for reads, per worker."""
    open_tenants: int = 200
    """Tenants kept open at once."""
    open_streams: int = 500
    """Streams of notifications and changes at once, per worker; beyond it clients get 429."""
    temporal_instances: int = 10_000
    """Instances in one answer about history, unless a client prefers more; beyond them it is cut and says so (206)."""
    subscriptions: int = 50_000
    """Subscriptions of one tenant; beyond it clients get 403. Those that are active are kept in memory."""
    notification_backlog: int = 10_000
    """Notifications that may wait for one subscriber; beyond it the oldest are given up and counted."""
    context_max_size: int = 1024 * 1024
    log_format: Literal["text", "json"] = "text"
    access_log: bool = False
    """Log every request, not only slow and failed ones."""
    metrics: MetricsReaders = "local"
    """Who may read /metrics beside the administrator; ``local``: this machine, but not through a proxy."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Read the environment and the file it names. Raises: InvalidSettings."""
        given: dict[str, Any] = {}
        if path := environ.get(CONFIG_FILE):
            given.update(_read_file(Path(path)))
        given.update(
            {name: value for name, value in environ.items() if name.startswith(PREFIX) and name != CONFIG_FILE}
        )
        known = {PREFIX + field.name.upper(): field for field in fields(cls)}
        values: dict[str, Any] = {}
        for name, value in given.items():
            if name not in known:
                raise InvalidSettings(f"The setting {name} is unknown; 'stadtkern config' lists all")
            values[known[name].name] = _convert(name, value, str(known[name].type))
        settings = cls(**values)
        settings._check()
        return settings

    def _check(self) -> None:
        if self.workers < 1:
            raise InvalidSettings("STADTKERN_WORKERS must be at least 1")
        if self.workers > 1 and not self.database_url:
            raise InvalidSettings("STADTKERN_WORKERS above 1 needs PostgreSQL: set STADTKERN_DATABASE_URL")
        if self.database_url and urlsplit(self.database_url).scheme not in {"postgresql", "postgres"}:
            raise InvalidSettings("STADTKERN_DATABASE_URL must start with postgresql://")
        if self.anonymous not in get_args(Anonymous):
            raise InvalidSettings(f"STADTKERN_ANONYMOUS must be one of {', '.join(get_args(Anonymous))}")
        if not 1 <= self.temporal_instances <= MOST_INSTANCES:
            raise InvalidSettings(f"STADTKERN_TEMPORAL_INSTANCES must be between 1 and {MOST_INSTANCES}")
        if self.max_answer < LEAST_ANSWER:
            raise InvalidSettings(f"STADTKERN_MAX_ANSWER must be at least {LEAST_ANSWER}")
        if self.body_memory < self.max_body:
            raise InvalidSettings("STADTKERN_BODY_MEMORY must be at least STADTKERN_MAX_BODY")
        if not 0 <= self.port <= 65535:
            raise InvalidSettings("STADTKERN_PORT must be between 0 and 65535")
        if self.public_url and urlsplit(self.public_url).scheme not in {"http", "https"}:
            raise InvalidSettings("STADTKERN_PUBLIC_URL must start with http:// or https://")
        if self.metrics not in get_args(MetricsReaders):
            raise InvalidSettings(f"STADTKERN_METRICS must be one of {', '.join(get_args(MetricsReaders))}")
        if self.log_format not in {"text", "json"}:
            raise InvalidSettings("STADTKERN_LOG_FORMAT must be text or json")

    @property
    def base_url(self) -> str:
        """What the server is called where no request says it, without a slash at the end."""
        return self.public_url.rstrip("/") or f"http://{self.bind}:{self.port}"

    def check_exposure(self) -> None:
        """Refuse to listen beyond this machine unprotected. Raises: InvalidSettings."""
        loopback = is_loopback(self.bind)
        if self.anonymous == "write" and not loopback and not self.insecure:
            raise InvalidSettings(
                "STADTKERN_ANONYMOUS=write is for loopback only; bind to 127.0.0.1 or pass --insecure"
            )
        if not loopback and not self.admin_token and not self.insecure:
            raise InvalidSettings(
                f"Binding to {self.bind} without STADTKERN_ADMIN_TOKEN would leave the server without an administrator;"
                " set the token or pass --insecure"
            )

    def shown(self) -> dict[str, str]:
        """Give the effective settings by their environment names, secrets hidden."""
        rows: dict[str, str] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            rows[PREFIX + field.name.upper()] = _show(field.name, value)
        return rows


def version() -> str:
    """Give the version of what runs; 0 where it runs from a folder that was never installed."""
    try:
        return importlib.metadata.version("stadtkern")
    except importlib.metadata.PackageNotFoundError:
        return "0"


@lru_cache(maxsize=64)
def is_loopback(host: str) -> bool:
    """Tell whether an address to bind to can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False  # a name such as 127.example.org may lead anywhere


def _read_file(path: Path) -> dict[str, Any]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InvalidSettings(f"The settings file {path} does not exist") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidSettings(f"The settings file {path} is not valid TOML: {error}") from error
    return dict(table)


_WORDS = {
    "1": True,
    "true": True,
    "yes": True,
    "on": True,
    "0": False,
    "false": False,
    "no": False,
    "off": False,
    "": False,
}


def _convert(name: str, value: Any, kind: str) -> Any:
    try:
        if kind == "bool":
            return value if isinstance(value, bool) else _WORDS[str(value).strip().lower()]
        if kind == "int":
            return int(value)
        if kind == "float":
            return float(value)
    except (KeyError, ValueError) as error:
        raise InvalidSettings(f"The setting {name} has the value {str(value)[:40]!r}, which is no {kind}") from error
    if kind.startswith("Path"):
        return Path(str(value)) if str(value) else None
    return str(value)


def _show(name: str, value: object) -> str:
    if name == "admin_token":
        return "(set)" if value else ""
    if name == "database_url" and isinstance(value, str) and value:
        parts = urlsplit(value)
        return value.replace(f":{parts.password}@", ":(hidden)@") if parts.password else value
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
