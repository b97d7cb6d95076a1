"""Signed links to preference pages: whoever holds one may stop that person's texts, and nothing in it is a number."""

import base64
import binascii
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from shared.ids import MerchantId, RecipientId
from shared.privacy import Sealer, Unsealable

_PURPOSE = "preferences"
_LONGEST = 400


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose page a link opens."""

    merchant_id: MerchantId
    recipient_id: RecipientId


@dataclass(frozen=True, slots=True)
class Links:
    """Makes and reads links."""

    sealer: Sealer
    base_url: str
    """How the world reaches this service, without a slash at the end."""
    days: int
    """How long a link opens a page."""

    def url(self, merchant: MerchantId, recipient: RecipientId, now: datetime) -> str:
        """Return a new link; each is another one, and all of them lead to the same page."""
        return f"{self.base_url}/preferences/{self.token(merchant, recipient, now)}"

    def token(self, merchant: MerchantId, recipient: RecipientId, now: datetime) -> str:
        """Return merchant, end, sealed reference and signature, with dots between."""
        ends = int((now + timedelta(days=self.days)).timestamp())
        sealed = base64.urlsafe_b64encode(self.sealer.seal(merchant, recipient.bytes)).rstrip(b"=").decode()
        return f"{merchant}.{ends}.{sealed}.{self._signature(merchant, recipient, ends)}"

    def holder(self, token: str, now: datetime) -> Holder | None:
        """Return whose page this is; None for a link that was changed, made up, or has ended."""
        match token.split("."):
            case [merchant, ends, sealed, signature] if len(token) <= _LONGEST and ends.isascii() and ends.isdigit():
                pass
            case _:
                return None
        try:
            opened = self.sealer.open(MerchantId(merchant), base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4)))
            recipient = RecipientId(UUID(bytes=opened))
        except (Unsealable, binascii.Error, ValueError):
            return None
        expected = self._signature(MerchantId(merchant), recipient, int(ends))
        if not hmac.compare_digest(signature.encode(), expected.encode()) or int(ends) <= now.timestamp():
            return None
        return Holder(MerchantId(merchant), recipient)

    def _signature(self, merchant: MerchantId, recipient: RecipientId, ends: int) -> str:
        return self.sealer.signature(_PURPOSE, merchant, recipient, ends)
