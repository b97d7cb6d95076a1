"""Associated data of sealed values: each value opens only for its merchant and its own table, column and row.

A value that is copied keeps the associated data of its origin: contact data belongs to the recipient, in whichever
event and table it is; what a text is made of belongs to the text, from its plan to its last call. So a sealed field
moved to another event, row, column or recipient does not open.

All of them are defined here, so that no two can be equal.
"""

from typing import NamedTuple
from uuid import UUID

from shared.ids import MerchantId


class AssociatedData(NamedTuple):
    """What a sealed value belongs to: table, column and row."""

    table: str
    """The table of origin; copies in other tables name the same."""
    column: str
    row: UUID | str

    def __str__(self) -> str:
        """Return it as logs and problems show it."""
        return f"{self.table}.{self.column} of {self.row}"

    def bound(self, merchant: MerchantId) -> bytes:
        """Return the associated data; the row comes last, because a provider or shop may have chosen it."""
        table, column, row = self
        return f"{merchant}\x1f{table}\x1f{column}\x1f{row.hex if isinstance(row, UUID) else row}".encode()


def delivery_body(delivery_id: UUID) -> AssociatedData:
    """Return that of a webhook's body."""
    return AssociatedData("deliveries", "body", delivery_id)


def delivery_headers(delivery_id: UUID) -> AssociatedData:
    """Return that of a webhook's headers."""
    return AssociatedData("deliveries", "headers", delivery_id)


def contact(recipient_id: UUID) -> AssociatedData:
    """Return that of a recipient's contact data, by the keyed hash of their number."""
    return AssociatedData("people", "contact", recipient_id)


def trigger_facts(event_id: UUID) -> AssociatedData:
    """Return that of a trigger's facts."""
    return AssociatedData("triggers", "facts", event_id)


def text_body(follow_up_id: UUID) -> AssociatedData:
    """Return that of a text's template."""
    return AssociatedData("texts", "body", follow_up_id)


def text_facts(follow_up_id: UUID) -> AssociatedData:
    """Return that of the names a text's template may read."""
    return AssociatedData("texts", "facts", follow_up_id)


def evidence(claim_id: UUID) -> AssociatedData:
    """Return that of what proves a claim of consent, by the id of its event, which is its ledger entry's."""
    return AssociatedData("claims", "evidence", claim_id)


def copy_piece(request_id: UUID, service: str, part: int) -> AssociatedData:
    """Return that of a piece of what a service hands over for an export."""
    return AssociatedData("copies", "body", f"{request_id}/{service}/{part}")


def receipt(receipt_id: UUID) -> AssociatedData:
    """Return that of a provider's callback."""
    return AssociatedData("receipts", "raw", receipt_id)


def reply_text(provider_message_id: str) -> AssociatedData:
    """Return that of a person's reply; the merchant is a part of every place."""
    return AssociatedData("replies", "text", provider_message_id)


def unassigned_reply(digest: bytes) -> AssociatedData:
    """Return that of a reply whose merchant is unknown."""
    return AssociatedData("unassigned_replies", "raw", digest.hex())


def link_target(code: str) -> AssociatedData:
    """Return that of where a short link leads."""
    return AssociatedData("short_links", "target", code)


def preference_link(span: str) -> AssociatedData:
    """Return that of the person in the link to their preference page, by the link's beginning and end."""
    return AssociatedData("preference_links", "recipient", span)
