"""Asks providers what became of texts whose end no receipt has told: receipts are lost while a process is down.

One account is asked one question at a time, so many a second, beside the calls that send; one that does not answer is
left alone for a while, and the others are asked meanwhile. What is said means what a receipt would have meant.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, TypeAlias
from uuid import UUID

import orjson

from services.sender.instruments import ACCOUNTS_RESTING, QUESTIONS
from services.sender.numbers.bucket import Bucket
from services.sender.providers.book import ProviderBook
from services.sender.providers.port import Provider
from services.sender.queue.conclusion import Receipt
from services.sender.receipts import unreported
from services.sender.receipts.poll_schedule import Rest, Silent, Unreported, listed_together, next_question
from services.sender.receipts.recording import Receipts, Reported
from services.sender.receipts.status_lattice import FINAL
from services.sender.tables import attempts
from shared import aad, ids
from shared.bus.partitioning import partition_of
from shared.bus.port import Assignment
from shared.db.transaction import Transaction, WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.errors import Fault
from shared.privacy import Sealer
from shared.telemetry.logs import logger

QUESTIONS_A_SECOND: Final = 5.0
"""To one account; sending may take hundreds of calls a second beside them."""
_GROUP: Final = 1000
"""Texts looked at in one step of one account: what a few pages of a list answer."""
_PAGES: Final = 10
_ACCOUNTS_AT_ONCE: Final = 10
_ACCOUNTS_A_STEP: Final = 100
_BUSY_SECONDS: Final = 1.0
_IDLE_SECONDS: Final = 15.0
_FIRST: Final = ("", "")

AccountName: TypeAlias = tuple[str, str]
"""A merchant, and its own name for a provider."""

log = logger(__name__)


class StatusPoller:
    """Steps through the accounts with texts that nobody has told the end of."""

    def __init__(
        self,
        units: UnitOfWorkRunner,
        sealer: Sealer,
        book: ProviderBook,
        receipts: Receipts,
        *,
        holding: Callable[[], Assignment],
    ) -> None:
        """Put the asker together; of several replicas each asks about the texts of its own people."""
        self._units = units
        self._clock = units.clock
        self._sealer = sealer
        self._book = book
        self._receipts = receipts
        self._holding = holding
        self._after: AccountName = _FIRST
        self._buckets: dict[AccountName, Bucket] = {}
        self._rests: dict[AccountName, Rest] = {}

    async def step(self) -> float:
        """Ask about what is due, and return the seconds until the next time.

        What was asked and not written down is asked again; a receipt that comes meanwhile stands.
        """
        now, at = self._clock.now(), self._clock.monotonic()
        found, is_round = await self._units.read(lambda db: self._accounts(db, now))
        due = [each for each in found if self._rests.get(each, Rest()).until <= at]
        left = [False]
        for start in range(0, len(due), _ACCOUNTS_AT_ONCE):
            left += await asyncio.gather(*(self._ask(each, now) for each in due[start:][:_ACCOUNTS_AT_ONCE]))
        ACCOUNTS_RESTING.set(sum(rest.until > at for rest in self._rests.values()))
        return _IDLE_SECONDS if is_round and not any(left) else _BUSY_SECONDS

    async def _accounts(self, db: Transaction, now: datetime) -> tuple[list[AccountName], bool]:
        """Return accounts with something due, going on where the last step ended, and whether all were looked at."""
        found: list[AccountName] = []
        for _ in range(_ACCOUNTS_A_STEP):
            rows = await db.rows(
                unreported.NEXT_ACCOUNT, dict(zip(("merchant_id", "provider"), self._after, strict=True))
            )
            if not rows:
                self._after = _FIRST
                return found, True
            self._after = (rows[0]["merchant_id"], rows[0]["provider"])
            if rows[0]["ask_at"] <= now:
                found.append(self._after)
        return found, False

    async def _ask(self, account: AccountName, now: datetime) -> bool:
        """Ask one account; what nobody foresaw lets that account rest, and no other."""
        try:
            return await self._ask_account(account, now)
        except Fault:
            raise
        except Exception as problem:  # noqa: BLE001 - one account's odd answer must not keep the others from being asked
            self._let_rest(account, Silent(type(problem).__name__))
            return False

    async def _ask_account(self, account: AccountName, now: datetime) -> bool:
        """Ask one account as much as its budget allows; return whether more is due."""
        provider = self._book.provider(*account)
        if provider is None or not provider.capabilities.status_on_request:
            return False  # its texts wait until it can be asked, and count as unconfirmed meanwhile
        texts = await self._units.read(lambda db: unreported.to_ask(db, account, now, _GROUP))
        ours = self._holding()
        mine = [each for each in texts if partition_of(each.recipient_id, ours.of) in ours.numbers]
        gone = await self._units.read(lambda db: unreported.not_to_be_asked(db, mine))
        await self._put_off([each for each in mine if each in gone], None)
        waiting = {each.provider_message_id: each for each in mine if each not in gone}
        told, silent = await self._asked(account, provider, waiting)
        await self._write_down(provider, told, now)
        if silent is not None:
            self._let_rest(account, silent)
            return False
        self._rests.pop(account, None)
        return len(told) < len(waiting) or len(texts) == _GROUP

    async def _asked(
        self, account: AccountName, provider: Provider, waiting: Mapping[str, Unreported]
    ) -> tuple[dict[Unreported, Receipt | None], Silent | None]:
        """Return what was said of these texts, as far as the budget goes, and the silence that ended it."""
        told: dict[Unreported, Receipt | None] = {}
        silent = await self._read_list(account, provider, waiting, told)
        for sid, text in waiting.items():
            if silent is not None or (text not in told and not self._may_ask(account)):
                break
            if text not in told:
                answer = await provider.status_of(sid)
                if isinstance(answer, Silent):
                    return told, answer
                told[text] = answer
        return told, silent

    async def _read_list(
        self,
        account: AccountName,
        provider: Provider,
        waiting: Mapping[str, Unreported],
        told: dict[Unreported, Receipt | None],
    ) -> Silent | None:
        """Note what pages of the account's list say, where they answer for many; what is in none is asked by itself."""
        stretch = listed_together([*waiting.values()])
        page: str | None = None
        for _ in range(_PAGES if stretch is not None else 0):
            if stretch is None or len(told) == len(waiting) or not self._may_ask(account):
                break
            answer = await provider.statuses_between(stretch.since, stretch.until, page)
            if isinstance(answer, Silent):
                return answer
            told.update(
                (waiting[each.provider_message_id], each)
                for each in answer.receipts
                if each.provider_message_id in waiting
            )
            page = answer.next_page
            if page is None:
                break
        return None

    async def _write_down(self, provider: Provider, told: Mapping[Unreported, Receipt | None], now: datetime) -> None:
        """Commit what is final as if it had been reported; the rest is asked about again, or never."""
        asked_at = self._clock.now()
        final: list[Reported] = []
        open_: dict[datetime | None, list[Unreported]] = {}
        for text, receipt in told.items():
            QUESTIONS.labels(provider.kind, "not_found" if receipt is None else receipt.status or "accepted").inc()
            if receipt is not None and receipt.status in FINAL:
                word = receipt._replace(asked_at=asked_at)
                receipt_id = ids.minted(asked_at)
                kept = self._kept(receipt_id, text, word)
                final.append(Reported(receipt_id, text.attempt_id, text.merchant_id, provider.name, word, kept))
            else:
                open_.setdefault(next_question(text.accepted_at, now), []).append(text)
        await self._receipts.take_answers(final)
        for ask_at, texts in open_.items():
            await self._put_off(texts, ask_at)

    def _kept(self, receipt_id: UUID, text: Unreported, word: Receipt) -> bytes:
        """Return what is kept of an answer beside the callbacks, sealed as they are."""
        fields = {"MessageSid": word.provider_message_id, "MessageStatus": word.status, "asked_at": word.asked_at}
        clear = orjson.dumps(fields | ({"ErrorCode": word.code} if word.code else {}))
        return self._sealer.seal(text.merchant_id, aad.receipt(receipt_id), clear)

    async def _put_off(self, texts: Sequence[Unreported], ask_at: datetime | None) -> None:
        """Set when these are asked about next, but for those about which a receipt has come meanwhile."""
        rows = [
            {"id": each.attempt_id, "ask_at": ask_at, "was_ask_at": each.ask_at}
            for each in sorted(texts, key=lambda text: text.attempt_id)
        ]

        async def work(uow: UnitOfWork) -> None:
            await uow.db.change(attempts, rows, was=("ask_at",))

        if rows:
            await self._units.run(work, WritePriority.BATCHES)

    def _may_ask(self, account: AccountName) -> bool:
        """Take a question out of the account's budget, where one is left; replicas share it."""
        at = self._clock.monotonic()
        rate = QUESTIONS_A_SECOND * self._holding().share
        bucket = self._buckets.setdefault(account, Bucket(rate, at))
        bucket.change_rate(rate)
        if bucket.available(at) < 1:
            return False
        bucket.take(1)
        return True

    def _let_rest(self, account: AccountName, silent: Silent) -> None:
        provider = self._book.provider(*account)
        self._rests[account] = self._rests.get(account, Rest()).after(silent, self._clock.monotonic())
        QUESTIONS.labels(provider.kind if provider else "none", "silent").inc()
        log.warning("provider_not_asked", merchant_id=account[0], provider=account[1], reason=silent.reason)
