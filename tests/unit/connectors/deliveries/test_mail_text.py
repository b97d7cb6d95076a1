"""The mails that notify a merchant: nothing that a stranger controls becomes a header, and times are the shop's."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from services.connectors.deliveries.mail_text import MailAccount, MailItem, mail_of, one_line
from shared.testing.clock import START

ID = UUID("0193b5a0-7c00-8a3e-9d4f-0a1b2c3d4e5f")
HEADERS = {"From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version"}
CONTENT = {"Content-Type", "Content-Transfer-Encoding"}


def account(brand: str = "Acme Coffee") -> MailAccount:
    zone = ZoneInfo("America/New_York")
    return MailAccount("followup@sms.example", "owner@acme.example", "owner", "acme", brand, zone)


def item(sentence: str = "It rained.", number: int = 0, **data: str) -> MailItem:
    return MailItem(UUID(int=ID.int + number), START, {"sentence": sentence, **data})


def read(message: EmailMessage) -> EmailMessage:
    parsed = message_from_bytes(bytes(message), policy=default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def test_one_notification_is_its_sentence_with_links_and_the_shops_time() -> None:
    mail = read(
        mail_of([item("Ana wrote.", conversation_url="https://sms.example/v1/conversations/1")], account(), START)
    )
    assert mail["Subject"] == "Acme Coffee: Ana wrote."
    assert mail["From"] == "Followup <followup@sms.example>"
    assert mail["To"] == "owner@acme.example"
    assert mail["Message-ID"] == f"<{ID.hex}@sms.example>"
    text = mail.get_content()
    assert "Conversation: https://sms.example/v1/conversations/1" in text
    assert f"{START.astimezone(ZoneInfo('America/New_York')):%Y-%m-%d %H:%M} E" in text
    assert "names you as 'owner'" in text


def test_many_are_one_digest() -> None:
    mail = read(mail_of([item(f"Event {n}.", n) for n in range(40)], account(), START))
    assert mail["Subject"] == "Acme Coffee: 40 notifications"
    assert all(f"Event {n}." in mail.get_content() for n in range(40))
    assert mail["Message-ID"] == f"<{ID.hex}.40@sms.example>"


@given(st.text(max_size=300), st.text(max_size=300))
def test_no_text_of_a_stranger_adds_a_header_or_a_recipient(sentence: str, brand: str) -> None:
    sentence, brand = sentence.encode(errors="ignore").decode(), brand.encode(errors="ignore").decode()
    mail = read(mail_of([item(sentence)], account(brand), START))
    assert set(mail.keys()) == HEADERS | CONTENT
    assert mail["To"] == "owner@acme.example"
    assert not mail.is_multipart()


def test_a_line_end_in_a_sentence_or_a_brand_is_a_space() -> None:
    mail = read(mail_of([item("Hi\r\nBcc: victim@example.org\r\n\r\nboo")], account("A\nTo: b@c.example"), START))
    assert mail["Bcc"] is None
    assert mail["To"] == "owner@acme.example"
    assert mail["Subject"].startswith("A To: b@c.example: Hi Bcc: victim@example.org boo")


def test_what_is_too_long_is_shortened() -> None:
    assert one_line("x" * 200, 100) == "x" * 99 + "…"
    assert one_line("x" * 100, 100) == "x" * 100
