"""A person as the sender knows them: whether they may be written to, and which text they were sent last."""

import secrets
from datetime import datetime
from typing import Final, NamedTuple

from services.sender.replies.send_permission import SendPermission
from shared.ids import FollowUpId, MerchantId, RecipientId

_TEXT_KEY_BYTES: Final = 16


class SenderRecipient(NamedTuple):
    """One row of `sender_recipients`; a tuple, because every text needs one."""

    recipient_id: RecipientId
    merchant_id: MerchantId
    permission: SendPermission
    erased_at: datetime | None = None
    last_follow_up_id: FollowUpId | None = None
    last_sender_number: str | None = None
    last_intent_at: datetime | None = None
    in_flight_at_stop: int = 0
    """Texts that were already handed to a provider when an opt-out came."""
    text_key: bytes | None = None
    """Keys the hashes of their texts; None after an erasure."""


def new_recipient(
    merchant_id: MerchantId, recipient_id: RecipientId, permission: SendPermission | None = None
) -> SenderRecipient:
    """Return a person of whom nothing is stored yet; without a `permission` they may be written to."""
    return SenderRecipient(recipient_id, merchant_id, permission or SendPermission(), text_key=new_text_key())


def new_text_key() -> bytes:
    """Return a key for the hashes of one person's texts."""
    return secrets.token_bytes(_TEXT_KEY_BYTES)
