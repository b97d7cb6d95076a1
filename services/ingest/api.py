"""The HTTP door of platforms: `POST /v1/webhooks/{source}/{merchant}`.

The answer 2xx is given after the commit (promise P1). A missing or wrong signature, an unknown merchant and an
unknown source are the same 401, after the same work. A genuine delivery that cannot be read is kept, quarantined
and answered 200: sending it again would not mend it.
"""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus

import orjson
from fastapi import APIRouter, Request, Response

from services.ingest import store
from services.ingest.credentials import DECOY_SECRETS, SourceAccount, SourceAccounts
from services.ingest.delivery_preparation import PreparedDelivery, Preparer, ReceivedDelivery
from services.ingest.domain.announcements import Origin
from services.ingest.domain.parsed_deliveries import DeliveryOutcome, ParsedDelivery, Shop, Unreadable, must_pass
from services.ingest.instruments import DELIVERIES, FIELDS_UNKNOWN, NO_RECIPIENT, QUARANTINED, SECONDS
from services.ingest.sources.adapter import Adapter, DeliveryContext
from services.ingest.sources.shopify import SHOPIFY
from services.ingest.sources.standard_webhooks import STANDARD_WEBHOOKS
from shared import ids
from shared.batcher import Batcher
from shared.clock import Clock
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.failpoints import failpoint
from shared.http.auth import unauthorized
from shared.http.problems import HTTPProblem
from shared.http.quota import Quotas, QuotaUsage
from shared.worker_thread import in_worker_thread

PATH = "/v1/webhooks/{source}/{merchant}"
SOURCES: Mapping[str, Adapter] = {adapter.name: adapter for adapter in (SHOPIFY, STANDARD_WEBHOOKS)}


class WebhookEndpoints:
    """Takes signed deliveries: verify, read, prepare, record."""

    def __init__(
        self,
        accounts: SourceAccounts,
        preparer: Preparer,
        units: UnitOfWorkRunner,
        clock: Clock,
        most_items: int,
        require_room: Callable[[], None],
        quotas: Quotas,
    ) -> None:
        self._quotas = quotas
        self._accounts = accounts
        self._preparer = preparer
        self._units = units
        self._clock = clock
        self._require_room = require_room
        self.gatherer = Batcher(self._record, most_items, whose=lambda arrival: arrival.origin.merchant_id)

    async def take(
        self, source: str, merchant: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[DeliveryOutcome, str]:
        """Keep one delivery and publish what it says; return what became of it, and why where that needs saying.

        Raises:
            HTTPProblem: 401, nothing stored; 429 over the merchant's quota, where nobody withdraws anything in it.
            Fault: the database is away or the outbox full; nothing stored, and the platform comes again.
        """
        begun, now = self._clock.monotonic(), self._clock.now()
        adapter = SOURCES.get(source, SHOPIFY)
        account = self._accounts.of(merchant, source)
        secrets, shop = (account.secrets, account.shop) if account else (DECOY_SECRETS, Shop())
        if not adapter.is_genuine(headers, body, secrets, shop, now) or account is None or source not in SOURCES:
            DELIVERIES.labels(source if source in SOURCES else "unknown", "refused").inc()
            raise unauthorized()
        self._require_room()
        self._refuse(
            source, self._quotas.unread_delivery_refusal(account.merchant_id, account.quotas, source, PATH, len(body))
        )

        def read() -> tuple[ReceivedDelivery, PreparedDelivery]:
            delivery = ReceivedDelivery(
                origin=Origin(account.merchant_id, source, ids.minted(now), now),
                topic=adapter.topic_of(headers),
                repeat_keys=adapter.repeat_keys(headers),
                body=body,
                headers=headers,
                outcome=adapter.read(body, DeliveryContext(headers, shop, now)),
            )
            return delivery, self._preparer.prepared(delivery)

        delivery, arrival = await in_worker_thread(read, len(body))
        self._require_quota(account, delivery)
        status = await self.gatherer.add(arrival)
        count(delivery, status)
        SECONDS.labels(source).observe(self._clock.monotonic() - begun)
        return status, _why(delivery, status)

    def _require_quota(self, account: SourceAccount, delivery: ReceivedDelivery) -> None:
        source = delivery.origin.source
        refusal = self._quotas.delivery_refusal(
            account.merchant_id,
            account.quotas,
            source,
            QuotaUsage(PATH, 1, len(delivery.body)),
            must_pass=must_pass(delivery.outcome),
        )
        self._refuse(source, refusal)

    def _refuse(self, source: str, refusal: HTTPProblem | None) -> None:
        if refusal is not None:
            DELIVERIES.labels(source, "over_quota").inc()
            raise refusal

    async def _record(self, arrivals: Sequence[PreparedDelivery]) -> Sequence[DeliveryOutcome]:
        """Record what gathered in one unit of work."""

        async def work(uow: UnitOfWork) -> list[DeliveryOutcome]:
            statuses = await store.record(uow, arrivals)
            failpoint("ingest.before_commit")
            return statuses

        statuses = await self._units.run(work, WritePriority.INGEST)
        failpoint("ingest.after_commit")
        return statuses


def webhooks(door: WebhookEndpoints) -> APIRouter:
    """Return the routes of platforms."""
    router = APIRouter(tags=["ingest"])

    @router.post(
        PATH,
        summary="Take a signed webhook of a platform",
        responses={
            401: {"description": "Signature, merchant or source unknown"},
            429: {"description": "Over the merchant's quota: come again after `Retry-After` seconds"},
            503: {"description": "Try again"},
        },
    )
    async def webhook(source: str, merchant: str, request: Request) -> Response:
        status, why = await door.take(source, merchant, dict(request.headers), await request.body())
        # A delivery about nobody we know was taken like any other; the reason says what it lacked.
        shown = DeliveryOutcome.ACCEPTED if status is DeliveryOutcome.NO_RECIPIENT else status
        answer = {"status": shown.value, "reason": why} if why else {"status": shown.value}
        return Response(orjson.dumps(answer), HTTPStatus.OK, media_type="application/json")

    async def plainly(request: Request) -> Response:
        return await webhook(**request.path_params, request=request)

    # What serves it; the route above is its place in the OpenAPI document (see shared.http.fast_routes).
    router.add_route(PATH, plainly, methods=["POST"])
    return router


def count(delivery: ReceivedDelivery, status: DeliveryOutcome) -> None:
    """Count what became of a delivery."""
    DELIVERIES.labels(delivery.origin.source, status.value).inc()
    count_what_is_odd(delivery, status)


def count_what_is_odd(delivery: ReceivedDelivery, status: DeliveryOutcome) -> None:
    """Count what a delivery lacked, as few do."""
    source = delivery.origin.source
    if status is DeliveryOutcome.NO_RECIPIENT:
        NO_RECIPIENT.labels(source).inc()
    if status is DeliveryOutcome.QUARANTINED and isinstance(delivery.outcome, Unreadable):
        QUARANTINED.labels(source, delivery.outcome.reason.value).inc()
    if (
        isinstance(delivery.outcome, ParsedDelivery)
        and delivery.outcome.unknown
        and status is not DeliveryOutcome.DUPLICATE
    ):
        FIELDS_UNKNOWN.labels(source).inc(len(delivery.outcome.unknown))


def _why(delivery: ReceivedDelivery, status: DeliveryOutcome) -> str:
    if status is DeliveryOutcome.QUARANTINED and isinstance(delivery.outcome, Unreadable):
        return delivery.outcome.reason.value
    return status.value if status is DeliveryOutcome.NO_RECIPIENT else ""
