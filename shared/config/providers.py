"""The SMS providers a merchant can name, and what each needs."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, model_validator

from shared.config.model import FileModel, Flag, HTTPAddress, Word
from shared.config.secret import Secret
from shared.privacy import Sealer


class ProviderBase(FileModel):
    """What every provider has."""

    base_url: HTTPAddress | None = None
    """Another host that speaks the same API: a test double, a proxy; null means the provider's own."""
    public_url: HTTPAddress | None = None
    """The address at which the provider reaches this system; signatures of callbacks are checked against it."""
    allowlist_only: Flag = False
    """Send only to numbers on the operator's allow-list: for the first days with a real account."""
    callback_secret: Secret | None = None
    """What callbacks must carry if the provider does not sign them."""


class Twilio(ProviderBase):
    """Twilio Programmable Messaging."""

    kind: Literal["twilio"]
    account_sid: Annotated[str, Field(pattern=r"^AC[0-9a-fA-F]{32}$")]
    auth_token: Secret
    messaging_service_sid: Annotated[str, Field(pattern=r"^MG[0-9a-fA-F]{32}$")] | None = None


class TextMagic(ProviderBase):
    """TextMagic v2."""

    kind: Literal["textmagic"]
    username: Word
    api_key: Secret


class Brevo(ProviderBase):
    """Brevo v3, once Sendinblue."""

    kind: Literal["brevo"]
    api_key: Secret
    sender: Annotated[str, Field(pattern=r"^([A-Za-z0-9 ]{1,11}|[0-9]{1,15})$")] | None = None


class SimpleTexting(ProviderBase):
    """SimpleTexting v2."""

    kind: Literal["simpletexting"]
    token: Secret


class EZTexting(ProviderBase):
    """EZ Texting v1: a user and password, or an app key and secret."""

    kind: Literal["eztexting"]
    username: Word | None = None
    password: Secret | None = None
    app_key: Word | None = None
    app_secret: Secret | None = None

    @model_validator(mode="after")
    def _one_pair(self) -> "EZTexting":
        user = self.username is not None and self.password is not None
        app = self.app_key is not None and self.app_secret is not None
        if user == app:
            raise ValueError("give either username and password, or app_key and app_secret")
        return self


class GenericHTTP(ProviderBase):
    """Any gateway that takes a small JSON body of our own."""

    kind: Literal["http"]
    base_url: HTTPAddress
    secret: Secret | None = None
    """Sent as a bearer token, and the key that signs callbacks."""


class Simulated(ProviderBase):
    """The simulated provider: virtual phones, no account, no cost."""

    kind: Literal["simulated"]
    secret: Secret | None = None


@dataclass(frozen=True, slots=True)
class SimulatedAccount:
    """The account of a simulated provider; its token signs what it delivers, STOP and START included."""

    sid: str
    token: str

    @classmethod
    def of(
        cls, settings: Simulated, merchant_id: str, name: str, sealer: Sealer, environ: Mapping[str, str]
    ) -> "SimulatedAccount":
        """Return the account that both the sender and the simulator use.

        Its token is the secret in the merchant's file; without one it is derived from the keyring, so that it cannot
        be computed from names alone.
        """
        sid = "AC" + hashlib.sha256(f"{merchant_id}/{name}".encode()).hexdigest()[:32]
        if settings.secret is not None:
            return cls(sid, settings.secret.resolve(environ))
        return cls(sid, sealer.signature("simulated provider", merchant_id, name))


ProviderSettings: TypeAlias = Annotated[
    Twilio | TextMagic | Brevo | SimpleTexting | EZTexting | GenericHTTP | Simulated, Field(discriminator="kind")
]
