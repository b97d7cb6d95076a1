"""Renders the exact text of a queued dispatch: the only place that opens sealed content in order to send it."""

from datetime import datetime
from typing import Any, NamedTuple

import orjson

from services.sender.engagement.links.shorten import Shortener
from services.sender.engagement.links.store import LinkOwner, link_rows
from services.sender.queue.dispatches import Dispatch, SealedContent
from services.sender.reconciliation.decision import body_sha256
from services.sender.sending.intent_decision import ERASED, Refuse
from shared import aad
from shared.config.directory import Merchant
from shared.errors import Unsealable
from shared.events.dispatch import ErrorClass
from shared.phone import E164
from shared.privacy import Sealer
from shared.rendering.render import RenderFailed, RenderInput, render


class ComposedText(NamedTuple):
    """A finished text; in the clear it exists only in memory."""

    to: E164
    text: str
    parts: int
    encoding: str
    body_sha256: bytes
    link_rows: list[dict[str, Any]]
    sealed: bytes
    """The text as its next attempt keeps it."""


def compose(
    content: SealedContent, dispatch: Dispatch, merchant: Merchant, sealer: Sealer, process_url: str, now: datetime
) -> ComposedText | Refuse:
    """Return the text of a queued dispatch, or why it can never be rendered."""
    if content.body is None or content.contact is None or content.facts is None:
        return Refuse(ERASED)
    try:
        template = sealer.open(dispatch.merchant_id, aad.text_body(dispatch.follow_up_id), content.body).decode()
        facts = orjson.loads(sealer.open(dispatch.merchant_id, aad.text_facts(dispatch.follow_up_id), content.facts))
        to = phone_of(content.contact, dispatch, sealer)
    except (Unsealable, ValueError, KeyError):
        return Refuse("unreadable", ErrorClass.CONTENT)
    facts.setdefault("now", now.isoformat())
    links = merchant.config.links
    shortener = Shortener(links.base_url if links else process_url)
    rendered = render(
        RenderInput(
            template=template,
            facts=facts,
            brand=merchant.config.brand,
            locale=content.locale,
            purpose=dispatch.purpose,
            first_contact=content.first_contact,
            contact_line=merchant.config.contact,
        ),
        link=shortener,
    )
    if isinstance(rendered, RenderFailed):
        return Refuse("render_failed", ErrorClass.CONTENT)
    owner = LinkOwner(*(getattr(dispatch, name) for name in LinkOwner._fields))
    return ComposedText(
        to,
        rendered.text,
        rendered.parts,
        rendered.encoding,
        body_sha256(rendered.text),
        link_rows(shortener.codes, owner, sealer, at=now),
        sealer.seal(
            dispatch.merchant_id, aad.sent_text(dispatch.attempt_id(dispatch.attempts + 1)), rendered.text.encode()
        ),
    )


def phone_of(contact: bytes, dispatch: Dispatch, sealer: Sealer) -> E164:
    """Return the number a sealed contact holds.

    Raises:
        Unsealable: it cannot be opened, or is another person's: a sealed value that was moved from row to row.
        ValueError: it does not hold a contact.
    """
    clear = sealer.open(dispatch.merchant_id, aad.contact(dispatch.recipient_id), contact)
    match orjson.loads(clear):  # its other fields do not matter here, and reading them costs as much as the rest
        case {"phone": str(phone)}:
            to = E164(phone)
        case _:
            raise ValueError("not a contact")
    if sealer.recipient_id(dispatch.merchant_id, to) != dispatch.recipient_id:
        raise Unsealable
    return to
