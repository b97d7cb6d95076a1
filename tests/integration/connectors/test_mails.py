"""Notifications by mail: through a real SMTP conversation, or as files; bounded an hour, with a digest beyond."""

import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from pydantic import SecretStr

from services.connectors.deliveries import mail_transport
from services.connectors.deliveries.mail_transport import (
    MailFolder,
    MailTransport,
    NoMail,
    SMTPSettings,
    SMTPTransport,
    transport_of,
)
from shared.errors import ConfigurationFault
from tests.certificates import tls_of
from tests.integration.connectors.driver import ConnectorsDriver
from tests.mail_receiver import MailReceiver, receiving_mail
from tests.web_receiver import WebReceiver

OWNER = "    - {name: owner, to: owner@acme.example, events: [reply.received, reply.needs_review]}\n"


@pytest.fixture
def mailed(driver: ConnectorsDriver) -> ConnectorsDriver:
    """Connectors with the merchant acme, who hears by mail alone."""
    file = driver.merchants_folder / "acme" / "merchant.yaml"
    head = file.read_text(encoding="utf-8").partition("notify:")[0]
    file.write_text(f"{head}notify:\n  mail:\n{OWNER}", encoding="utf-8")
    driver.harness.runtime.merchants.reload_if_changed()
    return driver


def goes_through(driver: ConnectorsDriver, transport: MailTransport) -> None:
    driver.connectors.deliverer._mails._transport = transport


@asynccontextmanager
async def server(driver: ConnectorsDriver, folder: Path, **answers: str) -> AsyncIterator[MailReceiver]:
    """Yield a mail server with STARTTLS to which mails go."""
    async with receiving_mail(tls_of("localhost", folder)) as receiver:
        receiver.answers.update(answers)
        goes_through(driver, SMTPTransport(settings(receiver, folder)))
        yield receiver


def settings(receiver: MailReceiver, folder: Path) -> SMTPSettings:
    return SMTPSettings(
        host="localhost",
        port=receiver.port,
        user="shop",
        password=SecretStr("secret"),
        sender="followup@sms.example",
        ca_file=folder / "cert.pem",
    )


def files(folder: Path) -> Sequence[Path]:
    return sorted(folder.glob("*.eml"))


async def test_a_mail_arrives_encrypted_with_the_sentence_and_no_number_in_clear(
    mailed: ConnectorsDriver, tmp_path: Path
) -> None:
    async with server(mailed, tmp_path) as receiver:
        await mailed.hear(mailed.reply(needs_review=False))
        await mailed.deliver()

    [mail] = receiver.mails
    assert receiver.was_encrypted == [True]
    assert "RCPT TO:<owner@acme.example>" in receiver.commands
    assert mail["Subject"].startswith("Acme: +1212•••0123 wrote to ")
    assert "2125550123" not in mail.get_content()
    assert await mailed.states() == ["delivered"]


async def test_without_encryption_no_mail_and_no_password_is_sent(mailed: ConnectorsDriver, tmp_path: Path) -> None:
    tls_of("localhost", tmp_path)
    async with receiving_mail() as receiver:  # STARTTLS was taken out on the way
        goes_through(mailed, SMTPTransport(settings(receiver, tmp_path)))
        await mailed.hear(mailed.reply())
        await mailed.deliver()

    assert receiver.mails == []
    assert not any(command.startswith(("AUTH", "MAIL")) for command in receiver.commands)
    assert await mailed.states() == ["pending"]


async def test_a_certificate_that_is_not_the_servers_gets_no_mail(mailed: ConnectorsDriver, tmp_path: Path) -> None:
    async with server(mailed, tmp_path) as receiver:
        transport = SMTPTransport(settings(receiver, tmp_path))
        transport._tls = ssl.create_default_context()
        goes_through(mailed, transport)
        await mailed.hear(mailed.reply())
        await mailed.deliver()

    assert receiver.mails == []
    assert await mailed.states() == ["pending"]


@pytest.mark.parametrize(
    ("command", "answer", "problem"),
    [
        ("RCPT", "550 nobody here", "address_refused"),
        ("AUTH", "535 wrong", "mail_login_refused"),
        ("MAIL", "451 later", "smtp_451"),
        ("DATA", "554 no", "smtp_554"),
    ],
)
async def test_a_refusal_is_tried_again_and_says_what_was_wrong(
    mailed: ConnectorsDriver, tmp_path: Path, command: str, answer: str, problem: str
) -> None:
    async with server(mailed, tmp_path, **{command: answer}) as receiver:
        await mailed.hear(mailed.reply())
        await mailed.deliver()
        [row] = await mailed.deliveries()
        assert (row["state"], row["problem"]) == ("pending", problem)
        assert "secret" not in str(row["detail"])
        receiver.answers.clear()
        mailed.clock.advance(minutes=1)
        await mailed.deliver()

    assert len(receiver.mails) == 1
    assert await mailed.states() == ["delivered"]


async def test_nobody_listening_is_a_failure_and_no_exception(mailed: ConnectorsDriver) -> None:
    goes_through(mailed, SMTPTransport(SMTPSettings(host="127.0.0.1", port=1, sender="followup@sms.example")))
    await mailed.hear(mailed.reply())
    await mailed.deliver()

    [row] = await mailed.deliveries()
    assert (row["state"], row["problem"]) == ("pending", "mail_not_sent")


async def test_mails_become_files_that_only_their_owner_reads(mailed: ConnectorsDriver, tmp_path: Path) -> None:
    goes_through(mailed, MailFolder(tmp_path / "mail"))
    await mailed.hear(mailed.reply(needs_review=True))
    await mailed.deliver()

    written = files(tmp_path / "mail")
    assert len(written) == 2
    assert {file.stat().st_mode & 0o777 for file in written} == {0o600}
    mail = message_from_bytes(written[0].read_bytes(), policy=default)
    assert mail["To"] == "owner@acme.example"
    assert list((tmp_path / "mail").glob(".*")) == []


async def test_a_crash_after_the_mail_makes_no_second_file(mailed: ConnectorsDriver, tmp_path: Path) -> None:
    goes_through(mailed, MailFolder(tmp_path / "mail"))
    await mailed.hear(mailed.reply())
    record = mailed.connectors.deliverer._record
    mailed.connectors.deliverer._record = None  # type: ignore[method-assign, assignment]  # dies there
    await mailed.deliver()
    mailed.connectors.deliverer._record = record  # type: ignore[method-assign]  # the next process does not
    mailed.clock.advance(minutes=2)
    await mailed.deliver()

    assert len(files(tmp_path / "mail")) == 1
    assert await mailed.states() == ["delivered"]


async def test_a_flood_becomes_digests_and_no_more_mails_than_an_hour_has(
    mailed: ConnectorsDriver, tmp_path: Path
) -> None:
    goes_through(mailed, MailFolder(tmp_path / "mail"))
    mailed.connectors.deliverer._mails_per_hour = 3
    for burst in range(6):
        await mailed.hear(*(mailed.reply(burst * 10 + number) for number in range(1, 6)))
        await mailed.deliver()
        mailed.clock.advance(seconds=5)
    assert len(files(tmp_path / "mail")) == 3
    assert sorted(set(await mailed.states())) == ["delivered", "pending"]

    mailed.clock.advance(hours=1)
    await mailed.deliver()

    assert len(files(tmp_path / "mail")) == 4
    assert set(await mailed.states()) == {"delivered"}
    digests = [message_from_bytes(file.read_bytes(), policy=default)["Subject"] for file in files(tmp_path / "mail")]
    assert sorted(digests) == ["Acme: 15 notifications", *["Acme: 5 notifications"] * 3]


async def test_the_oldest_files_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mailed: ConnectorsDriver) -> None:
    monkeypatch.setattr(mail_transport, "MOST_FILES", 2)
    goes_through(mailed, MailFolder(tmp_path / "mail"))
    for number in range(1, 5):
        await mailed.hear(mailed.reply(number))
        await mailed.deliver()
        mailed.clock.advance(seconds=5)

    assert len(files(tmp_path / "mail")) == 2


async def test_a_shop_hears_by_both_ways_and_one_that_fails_does_not_hold_the_other(
    mailed: ConnectorsDriver, receiver: WebReceiver
) -> None:
    file = mailed.merchants_folder / "acme" / "merchant.yaml"
    hook = f'{{name: hook, url: "{receiver.url()}", secrets: [{{env: HOOK_SECRET}}], events: [reply.received]}}'
    file.write_text(f"{file.read_text(encoding='utf-8')}  webhooks:\n    - {hook}\n", encoding="utf-8")
    mailed.harness.runtime.merchants.reload_if_changed()
    goes_through(mailed, NoMail())
    await mailed.hear(mailed.reply())
    await mailed.deliver()

    assert sorted((row["endpoint"], row["state"]) for row in await mailed.deliveries()) == [
        ("hook", "delivered"),
        ("owner", "pending"),
    ]
    assert [view["channel"] for view in (await mailed.get("/v1/endpoints")).json()["endpoints"]] == ["webhook", "mail"]


def test_mails_go_to_the_server_else_to_the_folder_else_nowhere(tmp_path: Path) -> None:
    assert isinstance(transport_of(SMTPSettings(host="mail.example"), tmp_path), SMTPTransport)
    assert isinstance(transport_of(SMTPSettings(), tmp_path), MailFolder)
    assert isinstance(transport_of(SMTPSettings(), None), NoMail)


def test_a_file_of_certificates_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationFault, match="FOLLOWUP_SMTP_CA_FILE"):
        SMTPTransport(SMTPSettings(host="mail.example", ca_file=tmp_path / "missing.pem"))
