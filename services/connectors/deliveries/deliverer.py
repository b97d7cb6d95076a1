"""Delivers what is due: endpoints take turns, each with a lease, so that a slow or dead one harms no other.

At least once: an attempt is counted before the call and its outcome stored after it. Whoever dies in between leaves
the delivery due again at the end of the lease, under the same id.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from services.connectors import instruments
from services.connectors.deliveries import store
from services.connectors.deliveries.mails import MOST_IN_A_DIGEST, MailChannel, grouped
from services.connectors.deliveries.retries import (
    FAILURES_BEFORE_A_PAUSE,
    DeliveryResult,
    Taken,
    Untaken,
    next_attempt_at,
    pause_after,
)
from services.connectors.deliveries.states import DeliveryState
from services.connectors.deliveries.store import (
    AttemptEffect,
    ClaimedDelivery,
    EndpointKey,
    EndpointTurn,
    OpenDelivery,
)
from services.connectors.deliveries.webhooks import WebhookChannel
from shared import aad
from shared.config.directory import Merchant, MerchantDirectory
from shared.config.notify import Endpoint, MailEndpoint
from shared.db.transaction import Transaction, WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.errors import Unsealable, describe
from shared.loop import LoopWaker
from shared.privacy import Sealer
from shared.telemetry.logs import logger

MOST_ENDPOINTS_AT_ONCE: Final = 64
MOST_OF_ONE_MERCHANT: Final = 2
"""Endpoints of one merchant that are called at once: its dead ones hold no more places than that."""
MOST_PER_TURN: Final = 5
"""Deliveries of one endpoint that are under way at once."""
LEASE: Final = timedelta(seconds=60)
"""Longer than any turn takes."""
GAP: Final = timedelta(milliseconds=100)
"""Between two turns of one endpoint: 50 notifications a second at most."""
LAST_SECONDS: Final = 10.0
"""How long a process that stops waits for answers: a mail server's may take longer than it is given to stop."""
_IDLE_SECONDS: Final = 1.0

log = logger(__name__)


class Deliverer:
    """Calls endpoints, many at once and each for itself."""

    def __init__(
        self,
        units: UnitOfWorkRunner,
        sealer: Sealer,
        merchants: MerchantDirectory,
        webhooks: WebhookChannel,
        mails: MailChannel,
        waker: LoopWaker,
        *,
        mails_per_hour: int,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._units = units
        self._sealer = sealer
        self._merchants = merchants
        self._webhooks = webhooks
        self._mails = mails
        self._mails_per_hour = mails_per_hour
        self._waker = waker
        self._chance = chance
        self._running: dict[EndpointKey, asyncio.Task[None]] = {}

    async def step(self) -> float:
        """Begin the turns of endpoints that have something due, and return the seconds until the next look."""
        free = MOST_ENDPOINTS_AT_ONCE - len(self._running)
        if free <= 0:
            return _IDLE_SECONDS
        now = self._units.clock.now()
        turns, failing = await self._units.read(lambda db: _ready_and_failing(db, now))
        instruments.ENDPOINTS_FAILING.set(failing)
        of_merchant = Counter(key.merchant_id for key in self._running)
        for turn in turns:
            if free and turn.key not in self._running and of_merchant[turn.key.merchant_id] < MOST_OF_ONE_MERCHANT:
                free -= 1
                of_merchant[turn.key.merchant_id] += 1
                self._begin(turn)
        return _IDLE_SECONDS

    async def finish(self, seconds: float = LAST_SECONDS) -> None:
        """Wait until the turns that have begun are over; what is not by then is left to the end of its lease."""
        running = list(self._running.values())
        if not running:
            return
        _, late = await asyncio.wait(running, timeout=seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _begin(self, turn: EndpointTurn) -> None:
        """Let an endpoint take its turn in a task of its own."""
        task = asyncio.create_task(self._take_turn(turn), name=f"connectors:deliver {turn.key.endpoint}")
        self._running[turn.key] = task

        def ended(_task: asyncio.Task[None]) -> None:
            del self._running[turn.key]
            self._waker.wake_after(GAP.total_seconds())

        task.add_done_callback(ended)

    async def _take_turn(self, turn: EndpointTurn) -> None:
        """Attempt what is due of one endpoint; a fault here is logged, and the end of the lease is the next try."""
        try:
            merchant = self._merchants.get(turn.key.merchant_id)
            endpoint = merchant.config.notify.endpoint(turn.key.endpoint) if merchant is not None else None
            groups = await self._units.run(partial(self._claim, turn, endpoint), WritePriority.BATCHES)
            calls = [self._attempt(merchant, endpoint, group) for group in groups]
            results = await asyncio.gather(*calls)
            done = [(each, result) for group, result in zip(groups, results, strict=True) for each in group]
            if done:
                await self._record(turn, _channel_of(endpoint), done)
        except Exception as problem:  # noqa: BLE001 - one endpoint's turn never ends the others'
            log.warning("notification_turn_failed", merchant_id=turn.key.merchant_id, detail=describe(problem))

    async def _claim(
        self, turn: EndpointTurn, endpoint: Endpoint | None, uow: UnitOfWork
    ) -> list[Sequence[ClaimedDelivery]]:
        """Take what is due of an endpoint, and return what is handed over together."""
        lease = uow.now + LEASE
        is_failing = turn.failures >= FAILURES_BEFORE_A_PAUSE
        if not isinstance(endpoint, MailEndpoint):
            most = 1 if is_failing else MOST_PER_TURN
            return [[each] for each in await store.claim(uow.db, turn, uow.now, lease, most)]
        merchant, hour = turn.key.merchant_id, uow.now.replace(minute=0, second=0, microsecond=0)
        sent = await store.mails_in(uow.db, merchant, hour)
        if sent >= self._mails_per_hour:
            await store.hold(uow.db, turn, hour + timedelta(hours=1))
            return []
        most = 1 if is_failing else MOST_IN_A_DIGEST
        claimed = await store.claim(uow.db, turn, uow.now, lease, most)
        groups = grouped(claimed, self._mails_per_hour - sent)
        await store.count_mails(uow.db, merchant, hour, sent + len(groups))
        return groups

    async def _attempt(
        self, merchant: Merchant | None, endpoint: Endpoint | None, group: Sequence[ClaimedDelivery]
    ) -> DeliveryResult:
        """Hand deliveries to their endpoint in one call, as the merchant's file names it now."""
        if merchant is None or endpoint is None:
            return Untaken("endpoint_removed", "merchant.yaml names no such endpoint any more")
        try:
            opened = [OpenDelivery(each, self._open(each)) for each in group]
        except Unsealable as fault:
            return Untaken("unsealable", fault.detail, is_final=True)
        now = self._units.clock.now()
        with instruments.SECONDS.labels(_channel_of(endpoint)).time():
            if isinstance(endpoint, MailEndpoint):
                return await self._mails.send(merchant, endpoint, opened, now)
            return await self._webhooks.send(endpoint, opened[0], now)

    def _open(self, delivery: ClaimedDelivery) -> bytes:
        return self._sealer.open(delivery.merchant_id, aad.notification_body(delivery.id), delivery.body)

    async def _record(
        self, turn: EndpointTurn, channel: str, results: Sequence[tuple[ClaimedDelivery, DeliveryResult]]
    ) -> None:
        """Store what the attempts did, and when the endpoint is called next."""
        now = self._units.clock.now()
        outcomes = [self._outcome(delivery, result, now) for delivery, result in results]
        after = _turn_after(turn, [result for _, result in results], now, self._chance())

        async def work(uow: UnitOfWork) -> None:
            await store.finish(uow.db, after, outcomes, now)

        await self._units.run(work, WritePriority.BATCHES)
        for outcome in outcomes:
            self._note(turn.key, channel, outcome, now)

    def _outcome(self, delivery: ClaimedDelivery, result: DeliveryResult, now: datetime) -> AttemptEffect:
        if isinstance(result, Taken):
            return AttemptEffect(delivery, DeliveryState.DELIVERED, None)
        again = next_attempt_at(result, delivery.attempts, delivery.tried_since, now, self._chance())
        state = DeliveryState.DEAD if again is None else DeliveryState.PENDING
        return AttemptEffect(delivery, state, again, result.problem, result.detail)

    def _note(self, key: EndpointKey, channel: str, outcome: AttemptEffect, now: datetime) -> None:
        """Count an outcome; log one that somebody must look into."""
        words = {DeliveryState.DELIVERED: "delivered", DeliveryState.DEAD: "dead"}
        instruments.ATTEMPTS.labels(channel, words.get(outcome.state, "retried")).inc()
        if outcome.state is DeliveryState.DELIVERED and outcome.delivery.attempts == 1:
            instruments.LAG_SECONDS.observe(max(0.0, (now - outcome.delivery.created_at).total_seconds()))
        if outcome.state is DeliveryState.DEAD:
            log.error(
                "notification_dead",
                merchant_id=key.merchant_id,
                endpoint=key.endpoint,
                delivery_id=str(outcome.delivery.id),
                problem=outcome.problem,
                advice="followup notifications list --state dead",
            )


async def _ready_and_failing(db: Transaction, now: datetime) -> tuple[list[EndpointTurn], int]:
    """Return the endpoints whose turn it is, and how many are called less often."""
    ready = await store.ready(db, now, MOST_ENDPOINTS_AT_ONCE * 2)
    return ready, await store.count_failing(db, FAILURES_BEFORE_A_PAUSE)


def _channel_of(endpoint: Endpoint | None) -> str:
    return "mail" if isinstance(endpoint, MailEndpoint) else "webhook"


def _turn_after(turn: EndpointTurn, results: Sequence[DeliveryResult], now: datetime, chance: float) -> EndpointTurn:
    """Return an endpoint's next turn: one delivery that it took says that it works."""
    if any(isinstance(result, Taken) for result in results):
        return replace(turn, not_before=now + GAP, failures=0, failing_since=None)
    failures = turn.failures + len(results)
    pause = max(GAP, pause_after(failures, chance))
    return replace(turn, not_before=now + pause, failures=failures, failing_since=turn.failing_since or now)
