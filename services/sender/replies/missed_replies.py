"""Lists replies at the providers, so that a STOP written while this process was down still takes effect.

Providers deliver a reply once, and most do not deliver it again. So the replies to each number are listed every ten
minutes and after every start, and an unknown one is accepted as if it had been delivered. Up to when a list was read
is stored: a database restored from a backup lists everything written since.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from services.sender.instruments import MISSED_REPLIES
from services.sender.providers.accounts import ProviderAccounts
from services.sender.providers.admission import Admitted
from services.sender.providers.provider import Callback, Provider
from services.sender.receipts.poll_schedule import AccountBackoff, QueryFailed
from services.sender.replies import store
from services.sender.replies.intake import ReplyIntake
from services.sender.replies.store import END, PolledNumber
from services.sender.replies.unassigned import MOST_LISTED, UnassignedReplies
from shared import phone
from shared.bus.port import Assignment
from shared.config.directory import Merchant, MerchantDirectory
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWorkRunner
from shared.errors import Fault
from shared.telemetry.logs import logger

EVERY: Final = timedelta(minutes=10)
_OVERLAP: Final = timedelta(minutes=5)
"""Lists lag behind, and clocks differ."""
_MOST_PAGES: Final = 50
"""Ten thousand replies to one number in ten minutes, or in one outage."""
_ACCOUNTS_AT_ONCE: Final = 10
_CHECK_SECONDS: Final = 15.0
_UNASSIGNED_SECONDS: Final = 0.5
LONGEST_CATCHING_UP_SECONDS: Final = 60.0
"""How long marketing waits, after a start, for the first listing."""

log = logger(__name__)


class MissedReplies:
    """Steps through the numbers."""

    def __init__(
        self,
        units: UnitOfWorkRunner,
        merchants: MerchantDirectory,
        providers: ProviderAccounts,
        intake: ReplyIntake,
        unassigned: UnassignedReplies,
        *,
        holding: Callable[[], Assignment],
    ) -> None:
        """Create it; of several replicas the one that holds the first partition asks."""
        self._units = units
        self._clock = units.clock
        self._merchants = merchants
        self._providers = providers
        self._intake = intake
        self._unassigned = unassigned
        self._holding = holding
        self._listed: set[PolledNumber] = set()
        """Since the start of this process."""
        self._backoffs: dict[tuple[str, str], AccountBackoff] = {}
        self._catching_up_since: float | None = None
        """Monotonic; None once every number was listed after the start."""

    async def begin(self) -> None:
        """Note that a process starts: people may have written while none ran."""
        self._catching_up_since = self._clock.monotonic()

    def is_caught_up(self) -> bool:
        """Return whether the numbers were listed since the start, or their providers have had a minute to answer."""
        since = self._catching_up_since
        return since is None or self._clock.monotonic() - since > LONGEST_CATCHING_UP_SECONDS

    async def step(self) -> float:
        """List the replies of every number that is due, and return the seconds until the next step."""
        held = self._holding().numbers
        if 0 not in held:
            self._listed.clear()
            self._catching_up_since = None if held else self._catching_up_since
            return _CHECK_SECONDS if held else _UNASSIGNED_SECONDS
        listed_until = await self._units.read(store.listed_until)
        accounts: dict[tuple[str, str], list[tuple[PolledNumber, Merchant]]] = {}
        for merchant in self._merchants.merchants:
            for number in merchant.config.numbers:
                polled = PolledNumber(merchant.id, number.provider, number.number)
                accounts.setdefault((merchant.id, number.provider), []).append((polled, merchant))
        lists = [*accounts.values()]
        for start in range(0, len(lists), _ACCOUNTS_AT_ONCE):
            await asyncio.gather(*(self._check_all(each, listed_until) for each in lists[start:][:_ACCOUNTS_AT_ONCE]))
        self._catching_up_since = None
        return _CHECK_SECONDS

    async def _check_all(
        self, numbers: Sequence[tuple[PolledNumber, Merchant]], listed_until: Mapping[PolledNumber, datetime]
    ) -> None:
        """Check the numbers of one account, one after the other."""
        for number, merchant in numbers:
            await self._check(number, merchant, listed_until.get(number))

    async def _check(self, number: PolledNumber, merchant: Merchant, until: datetime | None) -> None:
        """List the replies of one number where it is due; one that was never listed starts now."""
        now, account = self._clock.now(), (number.merchant_id, number.provider)
        backoff = self._backoffs.get(account, AccountBackoff())
        if backoff.until > self._clock.monotonic() or (number in self._listed and until and now - until < EVERY):
            return
        provider = self._providers.provider(*account)
        if provider is None or not provider.capabilities.replies_on_request:
            return
        try:
            failure = None if until is None else await self._fetch(number, merchant, provider, until - _OVERLAP)
        except Fault:
            raise
        except Exception as problem:  # noqa: BLE001 - one account's odd answer must not keep the others from being asked
            failure = QueryFailed(type(problem).__name__)
        if failure is not None:
            self._backoffs[account] = backoff.after(failure, self._clock.monotonic())
            log.warning("replies_not_listed", merchant_id=account[0], provider=account[1], reason=failure.reason)
            return
        self._backoffs.pop(account, None)
        self._listed.add(number)
        await self._units.run(lambda uow: store.save_listed_until(number, now, uow), WritePriority.BATCHES)

    async def _fetch(
        self, number: PolledNumber, merchant: Merchant, provider: Provider, since: datetime
    ) -> QueryFailed | None:
        """Accept what is listed and not stored, the oldest first; return the failure that prevented it."""
        listed: list[Callback] = []
        page: str | None = None
        for _ in range(_MOST_PAGES):
            answer = await provider.replies_to(number.sender_number, since, page)
            if isinstance(answer, QueryFailed):
                return answer
            listed += answer.items
            page = answer.next_page
            if page is None:
                break
        else:
            log.error("replies_not_read_through", merchant_id=merchant.id, provider=provider.name, read=len(listed))
        for callback in reversed(await self._unknown(merchant, provider, listed)):
            MISSED_REPLIES.labels(provider.kind).inc()
            log.warning("reply_was_missed", merchant_id=merchant.id, provider=provider.name)
            await self._intake.accept(Admitted(provider, merchant, callback))
        return None

    async def _unknown(self, merchant: Merchant, provider: Provider, listed: list[Callback]) -> list[Callback]:
        """Return those of these replies that are not stored."""
        replies = [(reply, each) for each in listed if (reply := provider.inbound(each, provider_answers=False))]
        message_ids = [reply.provider_message_id for reply, _ in replies]
        known = await self._units.read(lambda db: store.known_ids(db, merchant.id, message_ids))
        country = merchant.config.country
        if any(not isinstance(phone.parse_sender(reply.sender, country), str) for reply, _ in replies):
            # Unassigned replies are stored under what was delivered, which a list does not repeat.
            for unassigned in await self._unassigned.listed(merchant.id, END, MOST_LISTED):
                stored = provider.inbound(Callback("", unassigned.form, {}), provider_answers=False)
                known |= {stored.provider_message_id} if stored else set()
        return [each for reply, each in replies if reply.provider_message_id not in known]
