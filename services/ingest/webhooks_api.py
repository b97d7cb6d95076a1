"""The HTTP entry point of platforms: `POST /v1/webhooks/{source}/{merchant}`.

The answer is 2xx only after the commit (promise P1). A missing or wrong signature, an unknown merchant and an
unknown source all answer the same 401, after the same work. A genuine delivery that cannot be read is stored,
quarantined and answered 200, because sending it again would not make it readable.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

import orjson
from fastapi import APIRouter, Request, Response

from services.ingest import store
from services.ingest.credentials import DECOY_SECRETS, SourceAccounts
from services.ingest.domain.announcements import Origin
from services.ingest.domain.parsed_deliveries import DeliveryOutcome, ShopSettings, Unreadable, must_pass
from services.ingest.domain.prepared_deliveries import PreparedDelivery
from services.ingest.instruments import DELIVERIES, FIELDS_UNKNOWN, NO_RECIPIENT, QUARANTINED, SECONDS
from services.ingest.preparation import DeliveryPreparer, ReceivedDelivery
from services.ingest.sources.adapter import Adapter, DeliveryContext
from services.ingest.sources.shopify import SHOPIFY
from services.ingest.sources.standard_webhooks import STANDARD_WEBHOOKS
from services.ingest.tallies.tallies import OVER_QUOTA, REFUSED, SourceTallies
from shared import ids
from shared.batcher import Batcher
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.failpoints import failpoint
from shared.http.auth import unauthorized
from shared.http.problems import HTTPProblem
from shared.http.quota import QuotaUsage
from shared.ids import MerchantId
from shared.service import Runtime
from shared.worker_thread import in_worker_thread

PATH = "/v1/webhooks/{source}/{merchant}"
SOURCES: Mapping[str, Adapter] = {adapter.name: adapter for adapter in (SHOPIFY, STANDARD_WEBHOOKS)}


class WebhookEndpoints:
    """Receives signed deliveries: verify, parse, prepare, record."""

    def __init__(
        self,
        runtime: Runtime,
        accounts: SourceAccounts,
        preparer: DeliveryPreparer,
        tallies: SourceTallies,
        most_per_commit: int,
    ) -> None:
        self._accounts = accounts
        self._preparer = preparer
        self._tallies = tallies
        self._units = runtime.units
        self._clock = runtime.clock
        self._require_room = runtime.log.require_room
        self._quotas = runtime.quotas
        self.gatherer = Batcher(self._record, most_per_commit, whose=lambda arrival: arrival.origin.merchant_id)

    async def receive(
        self, source: str, merchant: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[DeliveryOutcome, str]:
        """Store one delivery and publish its events; return its outcome, with the reason if it was not accepted.

        Raises:
            HTTPProblem: 401, nothing stored; 429 over the merchant's quota, unless it withdraws consent or asks for
                erasure.
            Fault: the database is unavailable or the outbox full; nothing stored, and the platform sends it again.
        """
        begun, now = self._clock.monotonic(), self._clock.now()
        adapter = SOURCES.get(source, SHOPIFY)
        account = self._accounts.of(merchant, source)
        secrets, shop = (account.secrets, account.shop) if account else (DECOY_SECRETS, ShopSettings())
        if not adapter.is_genuine(headers, body, secrets, shop, now) or account is None or source not in SOURCES:
            DELIVERIES.labels(source if source in SOURCES else "unknown", REFUSED).inc()
            if account is not None and source in SOURCES:
                self._tallies.note(account.merchant_id, source, REFUSED, reason="signature")
            raise unauthorized()
        self._require_room()
        charged = account.merchant_id, account.quotas, source
        self._refuse(account.merchant_id, source, self._quotas.unread_delivery_refusal(*charged, PATH, len(body)))

        def parse() -> tuple[ReceivedDelivery, PreparedDelivery]:
            delivery = ReceivedDelivery(
                origin=Origin(account.merchant_id, source, ids.minted(now), now),
                topic=adapter.topic_of(headers),
                repeat_keys=adapter.repeat_keys(headers),
                body=body,
                headers=headers,
                outcome=adapter.read(body, DeliveryContext(headers, shop, now)),
            )
            return delivery, self._preparer.prepare(delivery)

        delivery, arrival = await in_worker_thread(parse, len(body))
        usage, passes = QuotaUsage(PATH, 1, len(body)), must_pass(delivery.outcome)
        refusal = self._quotas.delivery_refusal(*charged, usage, must_pass=passes)
        self._refuse(account.merchant_id, source, refusal)
        status = await self.gatherer.add(arrival)
        count_delivery(delivery, status)
        SECONDS.labels(source).observe(self._clock.monotonic() - begun)
        why = _reason(delivery, status)
        self._tallies.note(account.merchant_id, source, status.value, reason=why)
        return status, why

    def _refuse(self, merchant: MerchantId, source: str, refusal: HTTPProblem | None) -> None:
        if refusal is not None:
            DELIVERIES.labels(source, OVER_QUOTA).inc()
            self._tallies.note(merchant, source, OVER_QUOTA)
            raise refusal

    async def _record(self, arrivals: Sequence[PreparedDelivery]) -> Sequence[DeliveryOutcome]:
        """Record a batch in one unit of work."""

        async def work(uow: UnitOfWork) -> list[DeliveryOutcome]:
            statuses = await store.record(uow, arrivals)
            failpoint("ingest.before_commit")
            return statuses

        statuses = await self._units.run(work, WritePriority.INGEST)
        failpoint("ingest.after_commit")
        return statuses


def add_routes(router: APIRouter, webhooks: WebhookEndpoints) -> None:
    """Add the route of platforms."""

    @router.post(
        PATH,
        summary="Receive a signed webhook of a platform",
        responses={
            401: {"description": "Signature, merchant or source unknown"},
            429: {"description": "Over the merchant's quota; send it again after `Retry-After` seconds"},
            503: {"description": "Nothing was stored; send it again"},
        },
    )
    async def webhook(source: str, merchant: str, request: Request) -> Response:
        status, why = await webhooks.receive(source, merchant, dict(request.headers), await request.body())
        # A delivery without a known recipient is accepted like any other; the reason says what is missing.
        shown = DeliveryOutcome.ACCEPTED if status is DeliveryOutcome.NO_RECIPIENT else status
        answer = {"status": shown.value, "reason": why} if why else {"status": shown.value}
        return Response(orjson.dumps(answer), HTTPStatus.OK, media_type="application/json")

    async def plain_webhook(request: Request) -> Response:
        return await webhook(**request.path_params, request=request)

    # This one serves the path; the route above documents it in OpenAPI (see shared.http.fast_routes).
    router.add_route(PATH, plain_webhook, methods=["POST"])


def count_delivery(delivery: ReceivedDelivery, status: DeliveryOutcome) -> None:
    """Count a delivery by its outcome."""
    DELIVERIES.labels(delivery.origin.source, status.value).inc()
    count_anomalies(delivery, status)


def count_anomalies(delivery: ReceivedDelivery, status: DeliveryOutcome) -> None:
    """Count what a delivery lacked, if it lacked anything."""
    source, outcome = delivery.origin.source, delivery.outcome
    if status is DeliveryOutcome.NO_RECIPIENT:
        NO_RECIPIENT.labels(source).inc()
    if status is DeliveryOutcome.DUPLICATE:
        return
    if isinstance(outcome, Unreadable):
        QUARANTINED.labels(source, outcome.reason.value).inc()
    elif outcome.unknown:
        FIELDS_UNKNOWN.labels(source).inc(len(outcome.unknown))


def _reason(delivery: ReceivedDelivery, status: DeliveryOutcome) -> str:
    if status is DeliveryOutcome.QUARANTINED and isinstance(delivery.outcome, Unreadable):
        return delivery.outcome.reason.value
    return status.value if status is DeliveryOutcome.NO_RECIPIENT else ""
