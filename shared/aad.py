"""Where sealed values belong: each opens for its merchant at its own place alone, and nowhere it was moved to.

A value that is copied as it is keeps the place of what it says: a person's particulars belong to the person, in
whichever event and table they stand; what a text is made of belongs to the text, from its plan to its last call. So
an event's sealed field moved to another event, and a column moved to another row, column or person, do not open.

Every place there is stands here, so that no two can be mistaken for each other.
"""

from typing import NamedTuple
from uuid import UUID

from shared.ids import MerchantId


class AssociatedData(NamedTuple):
    """What a sealed value is of: table, column and row."""

    table: str
    """The table that what it says is at home in; copies elsewhere are of the same."""
    column: str
    row: UUID | str

    def __str__(self) -> str:
        """Return it as logs and problems name it."""
        return f"{self.table}.{self.column} of {self.row}"

    def bound(self, merchant: MerchantId) -> bytes:
        """Return the associated data; the row comes last, because a provider or shop may have made it up."""
        table, column, row = self
        return f"{merchant}\x1f{table}\x1f{column}\x1f{row.hex if isinstance(row, UUID) else row}".encode()


def delivery_body(delivery_id: UUID) -> AssociatedData:
    """Return the place of a webhook's body."""
    return AssociatedData("deliveries", "body", delivery_id)


def delivery_headers(delivery_id: UUID) -> AssociatedData:
    """Return the place of a webhook's headers."""
    return AssociatedData("deliveries", "headers", delivery_id)


def contact(recipient_id: UUID) -> AssociatedData:
    """Return the place of a person's particulars, by the keyed hash of their number."""
    return AssociatedData("people", "contact", recipient_id)


def trigger_facts(event_id: UUID) -> AssociatedData:
    """Return the place of what is told of a thing that happened."""
    return AssociatedData("triggers", "facts", event_id)


def text_body(follow_up_id: UUID) -> AssociatedData:
    """Return the place of a text's template."""
    return AssociatedData("texts", "body", follow_up_id)


def text_facts(follow_up_id: UUID) -> AssociatedData:
    """Return the place of the names a text's template may read."""
    return AssociatedData("texts", "facts", follow_up_id)


def evidence(claim_id: UUID) -> AssociatedData:
    """Return the place of what proves a claim of consent, by the id of its event, which is its ledger entry's."""
    return AssociatedData("claims", "evidence", claim_id)


def copy_piece(request_id: UUID, service: str, part: int) -> AssociatedData:
    """Return the place of a piece of what a service hands over for an export."""
    return AssociatedData("copies", "body", f"{request_id}/{service}/{part}")


def receipt(receipt_id: UUID) -> AssociatedData:
    """Return the place of a provider's callback."""
    return AssociatedData("receipts", "raw", receipt_id)


def reply_text(provider_message_id: str) -> AssociatedData:
    """Return the place of a person's reply; the merchant is a part of every place."""
    return AssociatedData("replies", "text", provider_message_id)


def unassigned_reply(digest: bytes) -> AssociatedData:
    """Return the place of a reply that belongs to nobody we can find."""
    return AssociatedData("unassigned_replies", "raw", digest.hex())


def link_target(code: str) -> AssociatedData:
    """Return the place of where a short link leads."""
    return AssociatedData("short_links", "target", code)


def preference_link(span: str) -> AssociatedData:
    """Return the place of the person in the link to their preference page, by the link's beginning and end."""
    return AssociatedData("preference_links", "recipient", span)
