"""Asks providers for the final status of texts whose receipts did not come: some are lost while a process is down.

Each account is asked at a limited rate, one query at a time, apart from the calls that send. An account that does not
answer is left alone for a while, and the others are asked meanwhile. An answer counts as a receipt would.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from services.sender.instruments import ACCOUNTS_RESTING, QUESTIONS
from services.sender.numbers.bucket import Bucket
from services.sender.providers.accounts import ProviderAccounts
from services.sender.providers.provider import Provider
from services.sender.queue.conclusion import Receipt
from services.sender.receipts import store
from services.sender.receipts.intake import ReceiptIntake
from services.sender.receipts.poll_schedule import (
    AccountBackoff,
    QueryFailed,
    UnreportedAttempt,
    next_status_query,
    shared_listing,
)
from services.sender.receipts.status_lattice import FINAL
from services.sender.receipts.store import AccountName, ReceivedReceipt
from shared.bus.partitioning import partition_of
from shared.bus.port import Assignment
from shared.db.transaction import Transaction, WritePriority
from shared.db.unit_of_work import UnitOfWorkRunner
from shared.errors import Fault
from shared.telemetry.logs import logger

QUERIES_PER_SECOND: Final = 5.0
"""To one account; sending may take hundreds of calls a second beside them."""
_GROUP: Final = 1000
"""Texts of one account looked at in one step: as many as a few pages of a list answer."""
_MOST_PAGES: Final = 10
_ACCOUNTS_AT_ONCE: Final = 10
_ACCOUNTS_PER_STEP: Final = 100
_BUSY_SECONDS: Final = 1.0
_IDLE_SECONDS: Final = 15.0
_FIRST: Final[AccountName] = ("", "")

log = logger(__name__)


class StatusPoller:
    """Steps through the accounts that have texts without a final status."""

    def __init__(
        self,
        units: UnitOfWorkRunner,
        providers: ProviderAccounts,
        receipts: ReceiptIntake,
        *,
        holding: Callable[[], Assignment],
    ) -> None:
        """Create the poller; of several replicas each asks about the texts of its own people."""
        self._units = units
        self._clock = units.clock
        self._providers = providers
        self._receipts = receipts
        self._holding = holding
        self._after: AccountName = _FIRST
        self._buckets: dict[AccountName, Bucket] = {}
        self._backoffs: dict[AccountName, AccountBackoff] = {}

    async def step(self) -> float:
        """Ask about what is due, and return the seconds until the next step.

        An answer that was not committed is asked for again; a receipt that arrives meanwhile stands.
        """
        now, at = self._clock.now(), self._clock.monotonic()
        found, is_round = await self._units.read(lambda db: self._due_accounts(db, now))
        due = [each for each in found if self._backoffs.get(each, AccountBackoff()).until <= at]
        has_more = [False]
        for start in range(0, len(due), _ACCOUNTS_AT_ONCE):
            has_more += await asyncio.gather(*(self._poll(each, now) for each in due[start:][:_ACCOUNTS_AT_ONCE]))
        ACCOUNTS_RESTING.set(sum(backoff.until > at for backoff in self._backoffs.values()))
        return _IDLE_SECONDS if is_round and not any(has_more) else _BUSY_SECONDS

    async def _due_accounts(self, db: Transaction, now: datetime) -> tuple[list[AccountName], bool]:
        """Return accounts with something due, starting where the last step ended, and whether the round is complete."""
        found: list[AccountName] = []
        for _ in range(_ACCOUNTS_PER_STEP):
            following = await store.next_account(db, self._after)
            if following is None:
                self._after = _FIRST
                return found, True
            self._after, first_due_at = following
            if first_due_at <= now:
                found.append(self._after)
        return found, False

    async def _poll(self, account: AccountName, now: datetime) -> bool:
        """Ask one account; an unforeseen failure pauses that account and no other."""
        try:
            return await self._poll_account(account, now)
        except Fault:
            raise
        except Exception as problem:  # noqa: BLE001 - one account's odd answer must not keep the others from being asked
            self._back_off(account, QueryFailed(type(problem).__name__))
            return False

    async def _poll_account(self, account: AccountName, now: datetime) -> bool:
        """Ask one account as much as its budget allows; return whether more is due."""
        provider = self._providers.provider(*account)
        if provider is None or not provider.capabilities.status_on_request:
            return False  # its texts wait until it can be asked, and count as unconfirmed meanwhile
        due = await self._units.read(lambda db: store.due_queries(db, account, now, _GROUP))
        assigned = self._holding()
        mine = [each for each in due if partition_of(each.recipient_id, assigned.of) in assigned.numbers]
        excluded = await self._units.read(lambda db: store.excluded_queries(db, mine))
        await self._reschedule([each for each in mine if each in excluded], None)
        waiting = {each.provider_message_id: each for each in mine if each not in excluded}
        answers, failure = await self._query(account, provider, waiting)
        await self._record(provider, answers, now)
        if failure is not None:
            self._back_off(account, failure)
            return False
        self._backoffs.pop(account, None)
        return len(answers) < len(waiting) or len(due) == _GROUP

    async def _query(
        self, account: AccountName, provider: Provider, waiting: Mapping[str, UnreportedAttempt]
    ) -> tuple[dict[UnreportedAttempt, Receipt | None], QueryFailed | None]:
        """Return the answers that the budget allowed, and the failure that ended the queries."""
        answers: dict[UnreportedAttempt, Receipt | None] = {}
        failure = await self._query_listing(account, provider, waiting, answers)
        for message_id, attempt in waiting.items():
            if failure is not None or (attempt not in answers and not self._take_query_budget(account)):
                break
            if attempt not in answers:
                answer = await provider.status_of(message_id)
                if isinstance(answer, QueryFailed):
                    return answers, answer
                answers[attempt] = answer
        return answers, failure

    async def _query_listing(
        self,
        account: AccountName,
        provider: Provider,
        waiting: Mapping[str, UnreportedAttempt],
        answers: dict[UnreportedAttempt, Receipt | None],
    ) -> QueryFailed | None:
        """Add what pages of the account's list say, where one list answers for many; the rest is asked one by one."""
        listing = shared_listing([*waiting.values()])
        page: str | None = None
        for _ in range(_MOST_PAGES if listing is not None else 0):
            if listing is None or len(answers) == len(waiting) or not self._take_query_budget(account):
                break
            answer = await provider.statuses_between(listing.since, listing.until, page)
            if isinstance(answer, QueryFailed):
                return answer
            answers.update(
                (waiting[each.provider_message_id], each)
                for each in answer.items
                if each.provider_message_id in waiting
            )
            page = answer.next_page
            if page is None:
                break
        return None

    async def _record(
        self, provider: Provider, answers: Mapping[UnreportedAttempt, Receipt | None], now: datetime
    ) -> None:
        """Commit final statuses as receipts; schedule the next query of the others, if there is one."""
        asked_at = self._clock.now()
        final: list[ReceivedReceipt] = []
        open_: dict[datetime | None, list[UnreportedAttempt]] = {}
        for attempt, answer in answers.items():
            QUESTIONS.labels(provider.kind, "not_found" if answer is None else answer.status or "accepted").inc()
            if answer is not None and answer.status in FINAL:
                receipt = answer._replace(asked_at=asked_at)
                fields = {
                    "MessageSid": receipt.provider_message_id,
                    "MessageStatus": receipt.status,
                    "asked_at": asked_at,
                }
                fields |= {"ErrorCode": receipt.code} if receipt.code else {}
                final.append(self._receipts.received(provider, attempt.merchant_id, attempt.id, receipt, fields))
            else:
                open_.setdefault(next_status_query(attempt.accepted_at, now), []).append(attempt)
        await self._receipts.accept_answers(final)
        for ask_at, attempts in open_.items():
            await self._reschedule(attempts, ask_at)

    async def _reschedule(self, attempts: Sequence[UnreportedAttempt], ask_at: datetime | None) -> None:
        if attempts:
            await self._units.run(lambda uow: store.reschedule(uow.db, attempts, ask_at), WritePriority.BATCHES)

    def _take_query_budget(self, account: AccountName) -> bool:
        """Use one query of the account's budget, which replicas share; return whether there was one."""
        at = self._clock.monotonic()
        rate = QUERIES_PER_SECOND * self._holding().share
        bucket = self._buckets.setdefault(account, Bucket(rate, at))
        bucket.change_rate(rate)
        if bucket.available(at) < 1:
            return False
        bucket.take(1)
        return True

    def _back_off(self, account: AccountName, failure: QueryFailed) -> None:
        provider = self._providers.provider(*account)
        self._backoffs[account] = self._backoffs.get(account, AccountBackoff()).after(failure, self._clock.monotonic())
        QUESTIONS.labels(provider.kind if provider else "none", "silent").inc()
        log.warning("provider_not_asked", merchant_id=account[0], provider=account[1], reason=failure.reason)
