"""Settings: environment variables ``FOLLOWUP_<SERVICE>_<FIELD>``, unit in the name, each with help."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import AliasChoices, Field, ValidationError, field_validator
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.errors import ConfigurationFault
from shared.http.networks import Networks

_ANY_ADDRESS = frozenset({"", "0.0.0.0", "::"})


class Settings(BaseSettings):
    """The base of every settings class; subclasses name their prefix."""

    model_config = SettingsConfigDict(env_prefix="FOLLOWUP_", extra="ignore", frozen=True)
    section: ClassVar[str] = "process"

    def __init__(self, **given: Any) -> None:
        """Read the environment; given values take precedence.

        Raises:
            ConfigurationFault: a value cannot be used; names the variable and what is wrong, never the value.
        """
        try:
            super().__init__(**given)
        except ValidationError as problem:
            prefix = given.get("_env_prefix", self.model_config.get("env_prefix", ""))
            wrong = [
                f"{_variable(prefix, error['loc'])}: {error['msg'][:1].lower()}{error['msg'][1:]}"
                for error in problem.errors(include_url=False, include_input=False)
            ]
            raise ConfigurationFault("; ".join(wrong) + "; `followup doctor` lists every setting") from None


def _variable(prefix: str, location: tuple[int | str, ...]) -> str:
    """Return the variable behind a location: a field of the class, or the full name where the field has aliases."""
    name = "_".join(map(str, location)).upper()
    return name if name.startswith("FOLLOWUP_") else f"{prefix}{name}"


class CommonSettings(Settings):
    """Settings that several services read, once for all of them, so that they cannot disagree."""

    model_config = SettingsConfigDict(env_prefix="FOLLOWUP_SCHEDULER_", extra="ignore", frozen=True)
    section: ClassVar[str] = "scheduler"

    unconfirmed_hours: float = Field(
        72.0,
        gt=0,
        validation_alias=AliasChoices(
            "FOLLOWUP_SCHEDULER_UNCONFIRMED_HOURS", "FOLLOWUP_METRICS_UNCONFIRMED_AFTER_HOURS"
        ),
        description="Hours without a delivery receipt after which a follow-up counts as unconfirmed, in every service.",
    )
    content_days: int = Field(
        396,
        ge=1,
        description="Days for which the content of follow-ups that have ended, replies and callbacks are kept; 13 "
        "months (compliance section 11).",
    )

    @cached_property
    def unconfirmed_after(self) -> timedelta:
        """How long a delivery receipt is waited for."""
        return timedelta(hours=self.unconfirmed_hours)

    @cached_property
    def content_kept(self) -> timedelta:
        """How long content is stored."""
        return timedelta(days=self.content_days)


class AuditSettings(Settings):
    """Settings of the audit logs, the same in every service that has one."""

    model_config = SettingsConfigDict(env_prefix="FOLLOWUP_AUDIT_", extra="ignore", frozen=True)

    days: int = Field(
        1827, ge=31, description="Days for which entries of the audit logs are kept; the signed roots of days stay."
    )
    signing_key_file: Path | None = Field(
        None,
        description="Ed25519 key (PEM) that signs the audit logs' days; default: ledger-key.pem beside the keyring.",
    )


class ProcessSettings(Settings):
    """The settings of a process, whichever services it runs."""

    merchants_dir: Path = Field(Path("merchants"), description="Folder of merchant and flow files.")
    data_dir: Path = Field(Path("data"), description="Folder of the SQLite file and the keyring (embedded).")
    port: int = Field(8080, ge=0, le=65535, description="HTTP port; 0 picks a free one.")
    host: str = Field("127.0.0.1", description="Address to listen on.")
    keyring_file: Path | None = Field(None, description="Keyring; embedded mode makes one in the data folder.")
    clock_file: Path | None = Field(None, description="File with a clock offset in seconds; for demos and tests only.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="debug, info, warning or error."
    )
    log_format: Literal["json", "text", "auto"] = Field(
        "auto", description="json for machines, text for people; auto: text where standard error is a terminal."
    )
    max_body_bytes: int = Field(1_048_576, gt=0, description="Largest HTTP body taken; more answers 413.")
    max_webhook_body_bytes: int = Field(
        10_485_760, gt=0, description="Largest body of a webhook that carries a signature; more answers 413."
    )
    public_url: str = Field("", description="How the world reaches this process; empty: http://host:port.")
    operator_token_file: Path | None = Field(
        None,
        description="File with the operator's bearer token; embedded mode makes one at each start without.",
    )
    operator_scopes: str = Field(
        "",
        description="Scopes of the operator's token, separated by commas, for every merchant; empty: all there are.",
    )
    console_public_key: str = Field(
        "",
        description="Public half of the console's signing key, 64 hex digits: its calls are taken (distributed).",
    )
    requests_per_second: int = Field(500, gt=0, description="Most requests a second per API key; more answers 429.")

    merchant_events_per_second: float = Field(
        500.0, gt=0, description="Events a second one merchant may bring in, at each process; 3 s of it at once."
    )
    merchant_bytes_per_second: float = Field(
        5_000_000.0, gt=0, description="Bytes a second one merchant may bring in, at each process; 3 s of it at once."
    )
    merchant_pending_follow_ups: int = Field(
        250_000, ge=0, description="Follow-ups of one merchant that may be planned and not ended."
    )
    merchant_parked_events: int = Field(
        10_000, ge=0, description="Parked events of one merchant in a service before its new events are refused."
    )

    max_head_bytes: int = Field(
        32_768, ge=1024, le=1_048_576, description="Largest address and headers of a request; more answers 431."
    )
    head_seconds: float = Field(10, gt=0, description="Seconds a client has to send its headers; later is closed.")
    body_seconds: float = Field(60, gt=0, description="Seconds a client has to send its body; later is closed.")
    max_connections: int = Field(
        4096, gt=0, description="Most HTTP connections at once (fewer where the system allows fewer open files)."
    )
    max_connections_per_address: int = Field(
        512, gt=0, description="Most HTTP connections at once from one address that is no trusted proxy."
    )
    trusted_proxies: str = Field(
        "127.0.0.1,::1",
        description="Networks, separated by commas, of reverse proxies whose X-Forwarded-For and -Proto are trusted.",
    )

    hosts: str = Field(
        "",
        description="Further host names to answer to, separated by commas; *.example.com for all below, * for any. "
        "Known by themselves: this machine, FOLLOWUP_PUBLIC_URL, the addresses in merchant.yaml.",
    )
    metrics_networks: str = Field(
        "", description="Networks, separated by commas, that may read /metrics without the operator's token."
    )

    @field_validator("trusted_proxies", "metrics_networks")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        """Refuse what is no list of networks."""
        Networks.of(value)
        return value

    @property
    def proxies(self) -> Networks:
        """The reverse proxies that speak for others."""
        return Networks.of(self.trusted_proxies)

    @property
    def address(self) -> str:
        """How this process is reached: as configured, or on this machine; no slash at the end."""
        if self.public_url:
            return self.public_url.rstrip("/")
        return self.local_address

    @property
    def local_address(self) -> str:
        """How this machine itself reaches the process."""
        host = "127.0.0.1" if self.host in _ANY_ADDRESS else self.host
        return f"http://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class SettingEntry:
    """One environment variable."""

    variable: str
    default: str
    help: str
    section: str


def every_setting() -> tuple[SettingEntry, ...]:
    """Return the settings of all classes imported so far, by section and name."""
    return tuple(
        sorted(_entries(Settings), key=lambda entry: (entry.section != "process", entry.section, entry.variable))
    )


def _entries(base: type[Settings]) -> Iterator[SettingEntry]:
    """Walk the subclasses."""
    for kind in base.__subclasses__():
        prefix = kind.model_config.get("env_prefix", "")
        for name, info in kind.model_fields.items():
            default = "" if info.default in {None, PydanticUndefined} else str(info.default)
            variable, *old_names = [f"{prefix}{name}".upper()]
            if isinstance(info.validation_alias, AliasChoices):
                variable, *old_names = map(str, info.validation_alias.choices)
            yield SettingEntry(variable, default, info.description or "", kind.section)
            for old in old_names:
                yield SettingEntry(old, "", f"Deprecated name of `{variable}`.", kind.section)
        yield from _entries(kind)
