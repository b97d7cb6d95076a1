"""Signed links to preference pages: anybody who has one may stop that person's texts; it contains no phone number."""

import base64
import binascii
import hmac
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from shared import aad
from shared.errors import Unsealable
from shared.ids import MerchantId, RecipientId
from shared.privacy import Sealer

_PURPOSE = "preferences"
_LONGEST = 400
_SPAN = re.compile(r"([0-9]{1,14}-)?[0-9]{1,11}")
"""Issue and expiry time; links made by earlier versions have only the expiry."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The person whose page a link opens."""

    merchant_id: MerchantId
    recipient_id: RecipientId
    issued_ms: int = 0
    """When the link was made, in milliseconds since 1970; 0 for links of earlier versions, which do not say."""


@dataclass(frozen=True, slots=True)
class PreferenceLinks:
    """Makes and reads links."""

    sealer: Sealer
    base_url: str
    """The public address of this service, without a slash at the end."""
    days: int
    """How long a link opens a page."""

    def url(self, merchant: MerchantId, recipient: RecipientId, now: datetime) -> str:
        """Return a new link; each call returns a different one to the same page."""
        return f"{self.base_url}/preferences/{self.token(merchant, recipient, now)}"

    def token(self, merchant: MerchantId, recipient: RecipientId, now: datetime) -> str:
        """Return merchant, issue and expiry time, sealed recipient id and signature, separated by dots."""
        span = f"{int(now.timestamp() * 1000)}-{int((now + timedelta(days=self.days)).timestamp())}"
        reference = self.sealer.seal(merchant, aad.preference_link(span), recipient.bytes)
        sealed = base64.urlsafe_b64encode(reference).rstrip(b"=").decode()
        return f"{merchant}.{span}.{sealed}.{self._signature(merchant, recipient, span)}"

    def holder(self, token: str, now: datetime) -> Holder | None:
        """Return whose page a link opens; None for a link that is invalid or expired."""
        match token.split("."):
            case [merchant, span, sealed, signature] if len(token) <= _LONGEST and _SPAN.fullmatch(span):
                pass
            case _:
                return None
        try:
            reference = base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
            opened = self.sealer.open(MerchantId(merchant), aad.preference_link(span), reference)
            recipient = RecipientId(UUID(bytes=opened))
        except (Unsealable, binascii.Error, ValueError):
            return None
        issued, _, ends = span.rpartition("-")
        expected = self._signature(MerchantId(merchant), recipient, span)
        if not hmac.compare_digest(signature.encode(), expected.encode()) or int(ends) <= now.timestamp():
            return None
        return Holder(MerchantId(merchant), recipient, int(issued or 0))

    def _signature(self, merchant: MerchantId, recipient: RecipientId, span: str) -> str:
        return self.sealer.signature(_PURPOSE, merchant, recipient, span)
