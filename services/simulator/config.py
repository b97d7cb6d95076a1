"""The configuration of a simulator."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

_ACCOUNT_SID = re.compile(r"AC[0-9a-fA-F]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorConfig:
    """One simulator: its file, its accounts, where it calls back to, and how fast its network is.

    Attributes:
        data_file: the SQLite file that holds every text accepted; made when missing.
        accounts: account SID to auth token; the token checks requests and signs callbacks.
        inbound_url: where replies are posted when `inbound_urls` does not name their number.
        inbound_urls: sender number to the URL that its replies are posted to.
        numbers: sender numbers the accounts own; empty means any.
        service_numbers: Messaging Service SID to the number it sends from.
        answers_keywords: True, or the sender numbers, for which STOP, START and HELP are answered here and STOP
            blocks later texts (error 21610), as Twilio does by default; off, the application answers them itself.
        latency_ms: real time from accepted to delivered; half of it passes before `sent`.
        clock_file: a file with an offset in seconds for the calendar; None takes the one FOLLOWUP_CLOCK_FILE names.
        seed: where the random choices of faults start from.
        callback_prefixes: what every URL that is called begins with: the application's own callback addresses; None
            calls anywhere, for tests of a simulator alone.
    """

    data_file: Path
    accounts: Mapping[str, str]
    inbound_url: str | None = None
    inbound_urls: Mapping[str, str] = field(default_factory=dict)
    numbers: frozenset[str] = frozenset()
    service_numbers: Mapping[str, str] = field(default_factory=dict)
    answers_keywords: bool | frozenset[str] = False
    latency_ms: int = 150
    clock_file: Path | None = None
    seed: int = 0
    callback_prefixes: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse a configuration that could never work."""
        if not self.accounts:
            raise ValueError("a simulator needs at least one account")
        for account_sid in self.accounts:
            if not _ACCOUNT_SID.fullmatch(account_sid):
                raise ValueError("an account SID is AC and 32 hexadecimal digits")
        if any(not prefix.endswith("/") for prefix in self.callback_prefixes or ()):
            raise ValueError("a callback prefix ends in a slash")
        if self.latency_ms < 0:
            raise ValueError("latency_ms is not negative")

    @property
    def known_numbers(self) -> Sequence[str]:
        """The sender numbers that the configuration names."""
        return [*self.inbound_urls, *sorted(self.numbers)]

    def inbound_url_of(self, number: str) -> str | None:
        """Return where replies to this sender number are posted, if anywhere."""
        return self.inbound_urls.get(number, self.inbound_url)

    def answers_keywords_of(self, number: str) -> bool:
        """Return whether STOP, START and HELP to this sender number are answered here."""
        if isinstance(self.answers_keywords, bool):
            return self.answers_keywords
        return number in self.answers_keywords

    def may_call(self, url: str) -> bool:
        """Return whether a URL is the application's; whoever has its credentials could name any other.

        A prefix ends in a slash, so that no longer host name and no user name begins with it; a path with `..` could
        leave it.
        """
        if self.callback_prefixes is None:
            return True
        path = unquote(url.partition("?")[0])
        return url.startswith(self.callback_prefixes) and ".." not in path and "\\" not in path
