"""How a process connects to a Kafka cluster: its settings, and the options of the client library."""

import ssl
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.bus.kafka_client import tls
from shared.bus.kafka_source import SESSION_SECONDS
from shared.bus.outbox_capacity import MOST_ROWS
from shared.bus.relay_archive import KEEP_MINUTES
from shared.errors import ConfigurationFault
from shared.settings import Settings


class Security(StrEnum):
    """How the connection is protected, named as Kafka does, with an underscore between."""

    PLAINTEXT = "plaintext"
    TLS = "tls"
    SASL_PLAINTEXT = "sasl_plaintext"
    SASL_TLS = "sasl_tls"


class Mechanism(StrEnum):
    """How a client authenticates."""

    PLAIN = "PLAIN"
    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_512 = "SCRAM-SHA-512"


_PROTOCOLS = {
    Security.PLAINTEXT: "PLAINTEXT",
    Security.TLS: "SSL",
    Security.SASL_PLAINTEXT: "SASL_PLAINTEXT",
    Security.SASL_TLS: "SASL_SSL",
}


class KafkaSettings(Settings):
    """Where the log is, how it is partitioned, and how to connect: ``FOLLOWUP_KAFKA_<FIELD>``."""

    model_config = SettingsConfigDict(env_prefix="FOLLOWUP_KAFKA_", extra="ignore", frozen=True)
    section: ClassVar[str] = "kafka"

    bootstrap: str = Field("", description="host:port of a broker, several separated by commas (distributed).")
    partitions: int = Field(12, gt=0, le=1000, description="Of each topic; never changed without a drain.")
    replication: int = Field(
        3, gt=0, le=9, description="Copies of each partition that `followup migrate` asks for; 1 for one broker."
    )
    prefix: str = Field("", description="Before each topic and group, where several installations share a cluster.")
    session_seconds: float = Field(
        SESSION_SECONDS, ge=1, le=300, description="How long a silent process keeps its partitions; brokers bound it."
    )
    outbox_rows: int = Field(
        MOST_ROWS, gt=0, description="Events one service may hold while Kafka is away; then ingest answers 503."
    )
    keep_minutes: float = Field(
        KEEP_MINUTES, ge=0, le=1440, description="How long relayed events are kept, in case brokers lose them; 0: not."
    )
    security: Security = Field(Security.PLAINTEXT, description="plaintext, tls, sasl_plaintext or sasl_tls.")
    sasl_mechanism: Mechanism = Field(Mechanism.SCRAM_SHA_512, description="PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.")
    username: str = Field("", description="With SASL: the user name.")
    password_file: Path | None = Field(None, description="With SASL: file that holds the password.")
    ca_file: Path | None = Field(None, description="With TLS: authorities to trust instead of the system's.")
    certificate_file: Path | None = Field(None, description="With TLS: the client certificate, if brokers ask for one.")
    key_file: Path | None = Field(None, description="With TLS: the key of the client certificate.")

    def access(self) -> dict[str, Any]:
        """Return the client library's options for encryption and authentication.

        Raises:
            ConfigurationFault: something is missing or cannot be read; names the variable.
        """
        given: dict[str, Any] = {"security_protocol": _PROTOCOLS[self.security]}
        if self.security in {Security.TLS, Security.SASL_TLS}:
            given["ssl_context"] = self._tls()
        if self.security in {Security.SASL_PLAINTEXT, Security.SASL_TLS}:
            given["sasl_mechanism"] = self.sasl_mechanism.value
            given["sasl_plain_username"] = self.username
            given["sasl_plain_password"] = self._password()
        return given

    def _tls(self) -> ssl.SSLContext:
        try:
            return tls(self.ca_file, self.certificate_file, self.key_file)
        except OSError as problem:  # and so `ssl.SSLError`
            raise ConfigurationFault(
                f"FOLLOWUP_KAFKA_CA_FILE, _CERTIFICATE_FILE or _KEY_FILE cannot be used ({type(problem).__name__})"
            ) from None

    def _password(self) -> str:
        if not self.username or self.password_file is None:
            raise ConfigurationFault(
                "FOLLOWUP_KAFKA_SECURITY asks for SASL; set FOLLOWUP_KAFKA_USERNAME and FOLLOWUP_KAFKA_PASSWORD_FILE"
            )
        try:
            return self.password_file.read_text(encoding="utf-8-sig").strip()
        except OSError as problem:
            raise ConfigurationFault(
                f"FOLLOWUP_KAFKA_PASSWORD_FILE: {self.password_file} cannot be read ({problem.strerror})"
            ) from None
