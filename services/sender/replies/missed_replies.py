"""Asks providers for replies that never came: a STOP that was written while the process was down is heard all the same.

Providers bring a reply once, and most do not bring it again. So each number's replies are listed every ten minutes and
after every start, and what is not known is taken as if it had been brought. Where a list was read to is kept in the
database: one that was restored from a backup asks for all that was written since.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import sqlalchemy as sa

from services.sender.instruments import MISSED_REPLIES
from services.sender.providers.admission import Admitted
from services.sender.providers.book import ProviderBook
from services.sender.providers.port import Callback, Provider
from services.sender.receipts.poll_schedule import Rest, Silent
from services.sender.replies.inbox import take_in
from services.sender.replies.recording import Replies
from services.sender.replies.unassigned import UnassignedReplies
from services.sender.tables import heard_until, replies
from shared import phone
from shared.bus.port import Assignment
from shared.config.directory import Merchant, MerchantDirectory
from shared.db.transaction import Row, WritePriority
from shared.db.unit_of_work import UnitOfWorkRunner
from shared.errors import Fault
from shared.telemetry.logs import logger

EVERY: Final = timedelta(minutes=10)
_OVERLAP: Final = timedelta(minutes=5)
"""Lists lag behind, and clocks differ."""
_PAGES: Final = 50
"""Ten thousand replies to one number in ten minutes, or in one outage."""
_ACCOUNTS_AT_ONCE: Final = 10
_LOOK_SECONDS: Final = 15.0
_SOON_SECONDS: Final = 0.5
LONGEST_CATCHING_UP_SECONDS: Final = 60.0
"""So long marketing waits for it after a start."""

log = logger(__name__)


class PolledNumber(NamedTuple):
    """A merchant's number, and the account it is reached through."""

    merchant_id: str
    provider: str
    sender_number: str


class MissedReplies:
    """Steps through the numbers."""

    def __init__(
        self,
        units: UnitOfWorkRunner,
        merchants: MerchantDirectory,
        book: ProviderBook,
        taken: Replies,
        unassigned: UnassignedReplies,
        *,
        holding: Callable[[], Assignment],
    ) -> None:
        """Put it together; of several replicas the one that holds the first partition asks."""
        self._units = units
        self._clock = units.clock
        self._merchants = merchants
        self._book = book
        self._taken = taken
        self._unassigned = unassigned
        self._holding = holding
        self._asked: set[PolledNumber] = set()
        """Since the start of this process."""
        self._rests: dict[tuple[str, str], Rest] = {}
        self._catching_up_since: float | None = None
        """Monotonic; None where nothing is to be caught up with (any more)."""

    async def begin(self) -> None:
        """Note that a process starts: people may have written while there was none."""
        self._catching_up_since = self._clock.monotonic()

    def is_caught_up(self) -> bool:
        """Return whether the numbers were asked about since the start; a provider that cannot say holds nobody up."""
        since = self._catching_up_since
        return since is None or self._clock.monotonic() - since > LONGEST_CATCHING_UP_SECONDS

    async def step(self) -> float:
        """Ask for what is due, number by number, and return the seconds until the next look."""
        held = self._holding().numbers
        if 0 not in held:
            self._asked.clear()
            self._catching_up_since = None if held else self._catching_up_since
            return _LOOK_SECONDS if held else _SOON_SECONDS
        rows = await self._units.read(lambda db: db.rows(sa.select(heard_until)))
        heard = {PolledNumber(row["merchant_id"], row["provider"], row["sender_number"]): row["until"] for row in rows}
        accounts: dict[tuple[str, str], list[tuple[PolledNumber, Merchant]]] = {}
        for merchant in self._merchants.merchants:
            for number in merchant.config.numbers:
                line = PolledNumber(merchant.id, number.provider, number.number)
                accounts.setdefault((merchant.id, number.provider), []).append((line, merchant))
        lists = [*accounts.values()]
        for start in range(0, len(lists), _ACCOUNTS_AT_ONCE):
            await asyncio.gather(*(self._look_at_each(each, heard) for each in lists[start:][:_ACCOUNTS_AT_ONCE]))
        self._catching_up_since = None
        return _LOOK_SECONDS

    async def _look_at_each(
        self, lines: Sequence[tuple[PolledNumber, Merchant]], heard: Mapping[PolledNumber, datetime]
    ) -> None:
        """Look at the numbers of one account, one after the other."""
        for line, merchant in lines:
            await self._look_at(line, merchant, heard.get(line))

    async def _look_at(self, line: PolledNumber, merchant: Merchant, until: datetime | None) -> None:
        """Ask about one number where it is due; one that was never asked about begins now."""
        now, account = self._clock.now(), (line.merchant_id, line.provider)
        rest = self._rests.get(account, Rest())
        if rest.until > self._clock.monotonic() or (line in self._asked and until and now - until < EVERY):
            return
        provider = self._book.provider(*account)
        if provider is None or not provider.capabilities.replies_on_request:
            return
        try:
            silent = None if until is None else await self._ask(line, merchant, provider, until - _OVERLAP)
        except Fault:
            raise
        except Exception as problem:  # noqa: BLE001 - one account's odd answer must not keep the others from being asked
            silent = Silent(type(problem).__name__)
        if silent is not None:
            self._rests[account] = rest.after(silent, self._clock.monotonic())
            log.warning("replies_not_listed", merchant_id=account[0], provider=account[1], reason=silent.reason)
            return
        self._rests.pop(account, None)
        self._asked.add(line)
        await self._units.run(
            lambda uow: uow.db.upsert(heard_until, [{**line._asdict(), "until": now}]), WritePriority.BATCHES
        )

    async def _ask(self, line: PolledNumber, merchant: Merchant, provider: Provider, since: datetime) -> Silent | None:
        """Take what is listed and not known, the oldest first; return the silence that prevented it."""
        listed: list[Callback] = []
        page: str | None = None
        for _ in range(_PAGES):
            answer = await provider.replies_to(line.sender_number, since, page)
            if isinstance(answer, Silent):
                return answer
            listed += answer.replies
            page = answer.next_page
            if page is None:
                break
        else:
            log.error("replies_not_read_through", merchant_id=merchant.id, provider=provider.name, read=len(listed))
        for callback in reversed(await self._unknown(merchant, provider, listed)):
            admitted = Admitted(provider, merchant, callback)
            MISSED_REPLIES.labels(provider.kind).inc()
            log.warning("reply_was_missed", merchant_id=merchant.id, provider=provider.name)
            await take_in(self._taken, admitted)
        return None

    async def _unknown(self, merchant: Merchant, provider: Provider, listed: list[Callback]) -> list[Callback]:
        """Return those of these replies that nobody brought."""
        read = [(told, each) for each in listed if (told := provider.inbound(each, provider_answers=False))]
        keys = [{"merchant_id": merchant.id, "provider_message_id": told.provider_message_id} for told, _ in read]
        rows = await self._units.read(lambda db: db.fetch_keys(replies, keys) if keys else _none())
        known = {row["provider_message_id"] for row in rows}
        strangers = [told for told, _ in read if not isinstance(phone.heard(told.sender, merchant.config.country), str)]
        if strangers:  # kept under what was brought, which a list does not repeat
            for each in await self._unassigned.newest(merchant.id):
                kept = provider.inbound(Callback("", each.form, {}), provider_answers=False)
                known |= {kept.provider_message_id} if kept else set()
        return [each for told, each in read if told.provider_message_id not in known]


async def _none() -> list[Row]:
    return []
