"""Associated data of sealed values: each value opens only for its merchant and its own table, column and row.

A value that is copied keeps the associated data of its origin: contact data belongs to the recipient, in whichever
event and table it is; what a text is made of belongs to the text, from its plan to its last call. So a sealed field
moved to another event, row, column or recipient does not open.

All of them are defined here, so that no two can be equal.
"""

from functools import partial
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


delivery_body = partial(AssociatedData, "deliveries", "body")
"""A webhook's body."""
delivery_headers = partial(AssociatedData, "deliveries", "headers")
contact = partial(AssociatedData, "people", "contact")
"""A recipient's contact data, by the keyed hash of their number."""
trigger_facts = partial(AssociatedData, "triggers", "facts")
"""By the id of the trigger's event."""
text_body = partial(AssociatedData, "texts", "body")
"""A text's template, by the id of its follow-up."""
text_facts = partial(AssociatedData, "texts", "facts")
"""The names a text's template may read."""
evidence = partial(AssociatedData, "claims", "evidence")
"""What proves a claim of consent, by the id of its event, which is its ledger entry's."""
sent_text = partial(AssociatedData, "attempts", "text")
"""A text as it was given to a provider, by the id of the attempt."""
conversation_assignee = partial(AssociatedData, "conversations", "assigned_to")
"""Who handles a conversation, by the id of its recipient."""
receipt = partial(AssociatedData, "receipts", "raw")
"""A provider's callback."""
reply_text = partial(AssociatedData, "replies", "text")
"""A person's reply, by the provider's id of it; the merchant is a part of every place."""
link_target = partial(AssociatedData, "short_links", "target")
"""Where a short link leads, by its code."""
preference_link = partial(AssociatedData, "preference_links", "recipient")
"""The person in the link to their preference page, by the link's beginning and end."""

notification_body = partial(AssociatedData, "notifications", "body")
"""What a merchant is notified of, by the id of its delivery."""


def control_reason(control_id: UUID) -> AssociatedData:
    """Return that of the reason for which a control was put in force."""
    return AssociatedData("controls", "reason", control_id)


def control_lift(control_id: UUID) -> AssociatedData:
    """Return that of the reason for which a control was lifted."""
    return AssociatedData("controls", "lift_reason", control_id)


def approval_reason(approval_id: UUID) -> AssociatedData:
    """Return that of the reason for which a second person's yes was asked for."""
    return AssociatedData("approvals", "reason", approval_id)


def approval_answer(approval_id: UUID) -> AssociatedData:
    """Return that of the second person's reason."""
    return AssociatedData("approvals", "answer_reason", approval_id)


def audit_reason(entry_id: UUID) -> AssociatedData:
    """Return that of the reason in an entry of an audit log."""
    return AssociatedData("audit", "reason", entry_id)


def copy_piece(request_id: UUID, service: str, part: int) -> AssociatedData:
    """Return that of a piece of what a service hands over for an export."""
    return AssociatedData("copies", "body", f"{request_id}/{service}/{part}")


def unassigned_reply(digest: bytes) -> AssociatedData:
    """Return that of a reply whose merchant is unknown."""
    return AssociatedData("unassigned_replies", "raw", digest.hex())
