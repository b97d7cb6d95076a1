"""Settings of the identity provider."""

from pathlib import Path
from typing import ClassVar, Final
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from shared.errors import ConfigurationFault
from shared.settings import Settings

_MOST_SECRET_BYTES: Final = 4_096


class IdentitySettings(Settings):
    """Environment variables ``FOLLOWUP_CONSOLE_OIDC_…``: the provider at which people sign in, if there is one."""

    model_config = SettingsConfigDict(env_prefix="FOLLOWUP_CONSOLE_OIDC_", extra="ignore", frozen=True)
    section: ClassVar[str] = "console"

    issuer: str = Field(
        "",
        max_length=500,
        description="Issuer of an OpenID Connect provider, at which invited people sign in to the console, exactly as "
        "it writes it: https://login.example.com. Empty: none.",
    )
    client_id: str = Field("", max_length=500, description="What the provider calls the console.")
    client_secret: SecretStr = Field(SecretStr(""), description="The console's secret at the provider, if it has one.")
    client_secret_file: Path | None = Field(None, description="File with that secret, in place of the variable.")
    name: str = Field("", max_length=40, description="What people call the provider: Example SSO. Empty: its host.")

    @field_validator("issuer")
    @classmethod
    def _is_an_issuer(cls, value: str) -> str:
        """Refuse what no discovery document can be fetched for."""
        if not value:
            return value
        parts = urlsplit(value)
        if parts.scheme not in {"https", "http"} or not parts.hostname or parts.query or parts.fragment:
            message = "write the provider's issuer, as https://login.example.com"
            raise ValueError(message)
        return value

    @property
    def shown_name(self) -> str:
        """What the console's pages call the provider."""
        return self.name or urlsplit(self.issuer).hostname or ""

    def secret(self) -> str:
        """Return the client's secret; empty for a client without one.

        Raises:
            ConfigurationFault: the client has no id, or the file cannot be read.
        """
        if not self.client_id:
            message = "FOLLOWUP_CONSOLE_OIDC_CLIENT_ID: it is needed with FOLLOWUP_CONSOLE_OIDC_ISSUER"
            raise ConfigurationFault(message)
        if self.client_secret_file is None:
            return self.client_secret.get_secret_value()
        try:
            with self.client_secret_file.open("rb") as file:
                return file.read(_MOST_SECRET_BYTES).decode().strip()
        except (OSError, UnicodeDecodeError) as problem:
            message = f"FOLLOWUP_CONSOLE_OIDC_CLIENT_SECRET_FILE: {self.client_secret_file} cannot be read"
            raise ConfigurationFault(f"{message} ({type(problem).__name__})") from None
