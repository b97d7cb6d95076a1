"""The mails that notify a merchant (pure): one notification, or a digest of several; plain text alone."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_LONGEST_SUBJECT: Final = 150
_LONGEST_LINE: Final = 500
_SENDER_NAME: Final = "Followup"
_LINKS: Final = {"conversation_url": "Conversation", "follow_up_url": "Text"}


@dataclass(frozen=True, slots=True)
class MailAccount:
    """From whom mails come, and to whom these go."""

    sender: str
    """An address; the part after the @ also ends each Message-ID."""
    to: str
    endpoint: str
    merchant: str
    brand: str
    zone: ZoneInfo
    """In which times are written."""


@dataclass(frozen=True, slots=True)
class MailItem:
    """One notification as a mail tells it."""

    id: UUID
    at: datetime
    data: Mapping[str, Any]

    @property
    def sentence(self) -> str:
        """What happened, in one line."""
        return one_line(str(self.data["sentence"]), _LONGEST_LINE)


def one_line(text: str, longest: int) -> str:
    """Return a text that can be a header or a line: without line ends and other controls, shortened."""
    plain = _CONTROL.sub(" ", text).strip()
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"


def mail_of(items: Sequence[MailItem], account: MailAccount, now: datetime) -> EmailMessage:
    """Return the mail about one notification or several; the Message-ID of one stays the same at each attempt."""
    is_digest = len(items) > 1
    what = f"{len(items)} notifications" if is_digest else items[0].sentence
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(_SENDER_NAME, addr_spec=account.sender)
    message["To"] = Address(addr_spec=account.to)
    message["Subject"] = one_line(f"{account.brand}: {what}", _LONGEST_SUBJECT)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = message_id(items, account)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: holiday notices are not sent back
    paragraphs = [_paragraph(item, account.zone) for item in items]
    reason = (
        f"You get this because notify: in merchant.yaml of {account.merchant} names you as "
        f"'{account.endpoint}'. To change what you hear of, edit its events."
    )
    message.set_content("\n\n".join([*paragraphs, f"-- \n{reason}"]) + "\n")
    return message


def message_id(items: Sequence[MailItem], account: MailAccount) -> str:
    """Return the Message-ID of a mail about these notifications."""
    suffix = f".{len(items)}" if len(items) > 1 else ""
    return f"<{items[0].id.hex}{suffix}@{account.sender.rpartition('@')[2]}>"


def _paragraph(item: MailItem, zone: ZoneInfo) -> str:
    links = [f"{name}: {item.data[key]}" for key, name in _LINKS.items() if key in item.data]
    return "\n".join([item.sentence, f"{item.at.astimezone(zone):%Y-%m-%d %H:%M %Z}", *links])
