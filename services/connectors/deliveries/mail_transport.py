"""Hands a mail over: to the operator's SMTP server, or to a folder of .eml files where none is set."""

import asyncio
import os
import ssl
from email.message import EmailMessage
from pathlib import Path
from typing import ClassVar, Final, Literal, Protocol

import aiosmtplib
from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from services.connectors.deliveries.retries import DeliveryResult, Taken, Untaken
from shared.config.model import MAIL_ADDRESS
from shared.db.private_file import PRIVATE
from shared.errors import ConfigurationFault
from shared.settings import Settings

MOST_FILES: Final = 1_000
"""Mails that a folder keeps; the oldest go."""
_PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}
_SECONDS: Final = 10.0
"""For each command of the conversation."""
_WHOLE_SECONDS: Final = 30.0


class SMTPSettings(Settings):
    """Environment variables ``FOLLOWUP_SMTP_…``: the mail server that notifications are handed to."""

    model_config = SettingsConfigDict(env_prefix="FOLLOWUP_SMTP_", extra="ignore", frozen=True)
    section: ClassVar[str] = "connectors"

    host: str = Field("", description="SMTP server for mails to merchants. Empty: none; embedded, mails become files.")
    port: int = Field(0, ge=0, le=65535, description="Its port; 0: 587 with starttls, 465 with tls, 25 with none.")
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="starttls, tls, or none (a server on this machine); without it no mail is sent."
    )
    user: str = Field("", description="Login at the server; empty: none.")
    password: SecretStr = Field(SecretStr(""), description="Password of FOLLOWUP_SMTP_USER.")
    sender: str = Field(
        "followup@localhost.localdomain", pattern=MAIL_ADDRESS, description="Address that mails come from."
    )
    ca_file: Path | None = Field(None, description="Certificates (PEM) that the server's is checked against.")


class MailTransport(Protocol):
    """Where mails are handed over."""

    async def hand_over(self, message: EmailMessage, name: str) -> DeliveryResult:
        """Hand over one mail, once; `name` is the same for the same mail."""
        ...


class SMTPTransport:
    """The operator's mail server."""

    def __init__(self, settings: SMTPSettings) -> None:
        self._settings = settings
        self._tls = ssl.create_default_context()
        if settings.ca_file is not None:
            try:
                self._tls.load_verify_locations(settings.ca_file)
            except (OSError, ssl.SSLError) as problem:
                message = f"FOLLOWUP_SMTP_CA_FILE: {settings.ca_file} cannot be used ({type(problem).__name__})"
                raise ConfigurationFault(message + "; it holds certificates in PEM") from None

    async def hand_over(self, message: EmailMessage, name: str) -> DeliveryResult:  # noqa: ARG002 - the mail has its id
        """Send one mail; encrypted as the settings say, or not at all."""
        settings = self._settings
        try:
            async with asyncio.timeout(_WHOLE_SECONDS):
                await aiosmtplib.send(
                    message,
                    hostname=settings.host,
                    port=settings.port or _PORTS[settings.security],
                    username=settings.user or None,
                    password=settings.password.get_secret_value() or None,
                    use_tls=settings.security == "tls",
                    start_tls=settings.security == "starttls",
                    tls_context=None if settings.security == "none" else self._tls,
                    timeout=_SECONDS,
                )
        except aiosmtplib.SMTPRecipientsRefused as refused:
            code = refused.recipients[0].code
            return Untaken("address_refused", f"the mail server refuses the address ({code})")
        except aiosmtplib.SMTPAuthenticationError:
            return Untaken("mail_login_refused", "the mail server refuses the operator's login")
        except aiosmtplib.SMTPResponseException as refused:
            return Untaken(f"smtp_{refused.code}", f"the mail server did not take it ({refused.code})")
        except (aiosmtplib.SMTPException, OSError, ValueError, TimeoutError) as problem:
            return Untaken("mail_not_sent", f"the mail server cannot be used ({type(problem).__name__})")
        return Taken()


class MailFolder:
    """A folder of mails, for who tries it out: each is a file that a mail program opens."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def hand_over(self, message: EmailMessage, name: str) -> DeliveryResult:
        """Write one mail; the same mail again is the same file."""
        try:
            await asyncio.to_thread(self._write, bytes(message), name)
        except OSError as problem:
            return Untaken("mail_not_written", f"the folder of mails cannot be written ({type(problem).__name__})")
        return Taken()

    def _write(self, content: bytes, name: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        unfinished = self._folder / f".{name}"
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE), "wb") as stream:
            stream.write(content)
        unfinished.rename(self._folder / f"{name}.eml")
        for old in sorted(self._folder.glob("*.eml"))[:-MOST_FILES]:
            old.unlink(missing_ok=True)


class NoMail:
    """Refuses, where the operator has set up nothing."""

    async def hand_over(self, message: EmailMessage, name: str) -> DeliveryResult:  # noqa: ARG002 - nothing is sent
        """Say what is missing."""
        return Untaken("mail_not_set_up", "the operator has set no mail server: FOLLOWUP_SMTP_HOST")


def transport_of(settings: SMTPSettings, folder: Path | None) -> MailTransport:
    """Return where mails go: to the server, else to the folder where there is one.

    Raises:
        ConfigurationFault: the file of certificates cannot be used.
    """
    if settings.host:
        return SMTPTransport(settings)
    return NoMail() if folder is None else MailFolder(folder)
