"""A small SMTP server for tests of mails: it speaks STARTTLS, keeps what it got, and refuses what a test says."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default


@dataclass(slots=True)
class MailReceiver:
    """What arrived: commands as they were sent, and mails."""

    tls: ssl.SSLContext | None = None
    """None: STARTTLS is not offered."""
    port: int = 0
    commands: list[str] = field(default_factory=list)
    mails: list[EmailMessage] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    """What is answered to a command instead, by its first word."""
    was_encrypted: list[bool] = field(default_factory=list)
    """For each mail."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hold one conversation."""
        try:
            await self._talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            return
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        is_encrypted = False
        await _say(writer, "220 test ESMTP")
        while line := (await reader.readline()).decode("ascii").rstrip("\r\n"):
            self.commands.append(line)
            word = line.split(" ")[0].upper()
            if word in self.answers:
                await _say(writer, self.answers[word])
            elif word == "EHLO":
                offers = [
                    "250-test",
                    *(["250-STARTTLS"] if self.tls and not is_encrypted else []),
                    "250 AUTH PLAIN LOGIN",
                ]
                await _say(writer, "\r\n".join(offers))
            elif word == "STARTTLS" and self.tls is not None:
                await _say(writer, "220 go ahead")
                await writer.start_tls(self.tls)
                is_encrypted = True
            elif word == "DATA":
                await _say(writer, "354 end with .")
                body = await reader.readuntil(b"\r\n.\r\n")
                self.mails.append(message_from_bytes(body[:-5], policy=default))
                self.was_encrypted.append(is_encrypted)
                await _say(writer, "250 taken")
            elif word == "QUIT":
                await _say(writer, "221 bye")
                return
            else:
                await _say(writer, "235 fine" if word == "AUTH" else "250 fine")


async def _say(writer: asyncio.StreamWriter, answer: str) -> None:
    writer.write(answer.encode("ascii") + b"\r\n")
    await writer.drain()


@asynccontextmanager
async def receiving_mail(tls: ssl.SSLContext | None = None) -> AsyncIterator[MailReceiver]:
    """Yield a server on a free port of this machine."""
    receiver = MailReceiver(tls)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
