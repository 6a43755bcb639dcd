"""Settings: read once from the environment (or .env) by `main` and `cli`, then handed down."""

from __future__ import annotations

import difflib
import ipaddress
import os
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    NoDecode,
    SettingsConfigDict,
)

ADMIN_KEY_LENGTH = 24
_PREFIX = "REELGATE_"
_LIBRARIES = ("AWS_", "GOOGLE_", "AZURE_", "OTEL_")
_LONGEST = 365 * 86400  # seconds of any time; nobody means more, and it has to stay a number that a date can be
_MOST_MB = 1 << 30  # in bytes, it fits into what databases and files count with


class Settings(BaseSettings):
    """Every setting, named REELGATE_<FIELD> in the environment; empty is unset. README's table documents each.

    What is a secret, or has one in it, is out of `repr`, and no message repeats it.
    """

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_file=".env", env_ignore_empty=True, frozen=True, extra="ignore"
    )

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    data_dir: Path = Field(Path("data"), description="SQLite file, media, generated secrets.")
    database_url: str | None = Field(
        None, repr=False, description="postgresql+asyncpg://… for several replicas; unset, SQLite in the data folder."
    )
    media_url: str | None = Field(
        None, description="s3://bucket/prefix, gs://… or az://… for media; unset, a folder in the data folder."
    )
    media_redirect: bool = Field(
        default=False, description="on sends clients to the bucket itself for content, by links signed for ten minutes."
    )
    public_url: str | None = Field(None, description="The gateway's address as clients see it, for media URLs.")
    auth: Literal["on", "off"] = Field("on", description="off lets everyone in, whatever the address.")
    admin_key: str | None = Field(
        None, repr=False, min_length=ADMIN_KEY_LENGTH, description="An admin key that needs no row."
    )
    metrics_key: str | None = Field(
        None,
        repr=False,
        min_length=ADMIN_KEY_LENGTH,
        description="A key that may only read `/metrics`, for Prometheus.",
    )
    default_model: str = Field("grok-imagine-video", description="Model of a request that names none.")
    providers: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Order of preference, comma-separated; unset, those with a key, and with no key `local`."
    )
    routing: Literal["order", "cheapest", "fastest"] = Field(
        "order", description="Which offer is tried first: by REELGATE_PROVIDERS, by price, or by time taken."
    )
    catalogue: Path | None = Field(None, description="A TOML file of more models, aliases and prices.")
    fal_key: str | None = Field(None, repr=False, validation_alias="FAL_KEY", description="Turns fal on.")
    fal_queue_url: str = Field("https://queue.fal.run", description="fal's queue.")
    fal_rest_url: str = Field("https://rest.fal.ai", description="fal's uploads and callback keys.")
    fal_api_url: str = Field("https://api.fal.ai", description="fal's prices.")
    aimlapi_key: str | None = Field(None, repr=False, validation_alias="AIMLAPI_KEY", description="Turns AI/ML API on.")
    aimlapi_url: str = Field("https://api.aimlapi.com", description="AI/ML API.")
    xai_api_key: str | None = Field(None, repr=False, validation_alias="XAI_API_KEY", description="Turns xAI on.")
    xai_url: str = Field("https://api.x.ai/v1", description="xAI.")
    allow_private_networks: str = Field(
        "", description="Networks and hosts that user-given URLs may reach though private; `all` allows any."
    )
    job_timeout_seconds: float = Field(3600, gt=0, le=_LONGEST, description="A job that has not ended by then fails.")
    lease_seconds: float = Field(
        30, ge=3, le=_LONGEST, description="How long a worker owns a job before others may take it."
    )
    poll_seconds: float | None = Field(
        None, gt=0, le=_LONGEST, description="Fixed interval between polls; unset, it adapts."
    )
    settle_seconds: float = Field(600, ge=0, le=_LONGEST, description="How long an unknown submission is looked for.")
    resubmit_unknown: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Providers to which a submission that stays unknown is sent again: it may be paid twice."
    )
    max_body_mb: int = Field(64, ge=1, le=_MOST_MB, description="Largest request body, in MiB.")
    max_video_mb: int = Field(
        16384, ge=1, le=_MOST_MB, description="Largest result that is taken from a provider, in MiB."
    )
    max_files_mb: int = Field(
        2048, ge=1, le=_MOST_MB, description="Room for one key's uploaded files and characters, in MiB."
    )
    retention_days: float = Field(
        0, ge=0, le=36500, description="Days after which finished videos are removed; 0 keeps them."
    )
    request_log_days: float = Field(
        30, ge=0, le=36500, description="Days for which the request log is kept; 0 keeps none."
    )
    traces: bool = Field(default=False, description="on sends traces, to where OpenTelemetry's own variables say.")
    log_format: Literal["auto", "json", "text"] = Field("auto", description="auto is text on a terminal, else json.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")

    @field_validator("providers", "resubmit_unknown", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("public_url", "fal_queue_url", "fal_rest_url", "fal_api_url", "aimlapi_url", "xai_url")
    @classmethod
    def _leads_somewhere(cls, value: str | None) -> str | None:
        try:
            parts = urlsplit(value or "")
            leads = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:  # of a port
            leads = False
        if value is not None and not leads:
            raise ValueError("expected a URL such as https://video.example.com:8443")
        return value

    @field_validator("public_url")
    @classmethod
    def _no_slash(cls, value: str | None) -> str | None:
        return value.rstrip("/") if value else None

    @property
    def keep_seconds(self) -> float | None:
        """Return how long a finished video is kept, None for ever."""
        return self.retention_days * 86400 or None

    @property
    def request_log_seconds(self) -> float:
        """Return how long the request log is kept; 0 is no log."""
        return self.request_log_days * 86400

    @property
    def loopback(self) -> bool:
        """Say whether only this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def lock_file(self) -> Path:
        """The file that the running gateway holds, and in which it says where it listens."""
        return self.data_dir.absolute() / "reelgate.lock"


class CommandSettings(Settings):
    """The settings, and what only the commands that talk to a gateway read."""

    base_url: str | None = Field(None, description="A gateway elsewhere.")
    api_key: str | None = Field(None, repr=False, description="The key that is sent to it.")


def export_library_variables() -> None:
    """Hand what .env says to libraries (AWS_…, GOOGLE_…, AZURE_…, OTEL_…) to the environment: they look only there."""
    for name, value in DotEnvSettingsSource(CommandSettings).env_vars.items():
        if value and name.upper().startswith(_LIBRARIES):
            os.environ.setdefault(name.upper(), value)


def unknown_variables() -> dict[str, str]:
    """Find the REELGATE_ variables that nobody reads, in the environment and .env, each with the nearest known one."""
    known = {
        name.upper(): str(field.validation_alias or f"{_PREFIX}{name.upper()}")
        for name, field in CommandSettings.model_fields.items()
    }
    given = {name.upper() for source in (EnvSettingsSource, DotEnvSettingsSource) for name in _names(source)}
    strange = sorted(name for name in given if name.startswith(_PREFIX) and name not in known.values())
    return {
        name: known[difflib.get_close_matches(name.removeprefix(_PREFIX), known, n=1, cutoff=0)[0]] for name in strange
    }


def _names(source: type[EnvSettingsSource]) -> list[str]:
    return list(source(CommandSettings, env_ignore_empty=False).env_vars)
