"""Addresses as providers write them: a channel and a name (`rcs:+12125550123`, `whatsapp:+…`, `messenger:1042`).

A person is identified by their number, whichever channel they use; a name that is not a number cannot be one that we
sent to. Source: https://www.twilio.com/docs/messaging/channels
"""

import re
from typing import Final, NamedTuple

SMS: Final = "sms"
_CHANNEL: Final = re.compile(r"\s*([A-Za-z][A-Za-z0-9_.-]{0,30}):\s*")
_NUMBER: Final = re.compile(r"\+?[0-9]{3,20}")


class ChannelAddress(NamedTuple):
    """One side of a message."""

    channel: str
    """In lower case; `sms` where the provider names none."""
    name: str

    @property
    def is_number(self) -> bool:
        """Whether it is a telephone number or a short code; an RCS sender or a page is neither."""
        return bool(_NUMBER.fullmatch(self.name))


def address_of(written: str) -> ChannelAddress:
    """Return an address, parsed; `tel:` says how to read what follows, and is not a channel."""
    channel, name = SMS, written.strip()
    if ":" not in name:
        return ChannelAddress(channel, name)
    while found := _CHANNEL.match(name):
        word, name = found[1].lower(), name[found.end() :].strip()
        if word not in {"tel", "sms"}:
            channel = word
    return ChannelAddress(channel, name)
