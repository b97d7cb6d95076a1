"""Hands a delivery to a webhook of the merchant's, signed as Standard Webhooks are; sends once."""

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Final

from services.connectors.deliveries.retries import DeliveryResult, Taken, Untaken
from services.connectors.deliveries.store import ClaimedDelivery, OpenDelivery
from shared.config.notify import WebhookEndpoint
from shared.errors import ConfigurationFault
from shared.http.outbound import OutboundAnswer, OutboundClient
from shared.standard_webhooks import headers_of

_WHY: Final = {
    HTTPStatus.UNAUTHORIZED: "it refuses the signature, or asks for a login",
    HTTPStatus.FORBIDDEN: "it refuses the signature, or asks for a login",
    HTTPStatus.NOT_FOUND: "there is nothing at this address",
    HTTPStatus.GONE: "it says that it wants no more webhooks",
    HTTPStatus.TOO_MANY_REQUESTS: "it asks to be called less often",
}


class WebhookChannel:
    """Calls webhooks."""

    def __init__(self, client: OutboundClient, environ: Mapping[str, str]) -> None:
        self._client = client
        self._environ = environ

    async def send(self, endpoint: WebhookEndpoint, opened: OpenDelivery, now: datetime) -> DeliveryResult:
        """Send a notification once; the receiver knows a repeat by its id, which stays."""
        delivery, body = opened.delivery, opened.body
        try:
            secrets = [secret.resolve(self._environ) for secret in endpoint.secrets]
        except ConfigurationFault as fault:
            return Untaken("secret_missing", fault.detail)
        signed = headers_of(id_of(delivery), int(now.timestamp()), body, secrets)
        answer = await self._client.post(
            endpoint.url, body, {"Content-Type": "application/json", **signed}, delivery.merchant_id
        )
        return _result(answer) if isinstance(answer, OutboundAnswer) else Untaken(answer.problem.value, answer.detail)


def id_of(delivery: ClaimedDelivery) -> str:
    """Return the id by which the receiver knows a repeat."""
    return f"msg_{delivery.id.hex}"


def _result(answer: OutboundAnswer) -> DeliveryResult:
    """Return what an answer says; any 2xx is a yes (standardwebhooks.com, "webhook responses")."""
    if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return Taken()
    if HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST:
        why = "it redirects; write the address it leads to into merchant.yaml"
    else:
        why = next((why for status, why in _WHY.items() if status == answer.status), "it did not take the webhook")
    is_final = answer.status == HTTPStatus.GONE
    return Untaken(f"http_{answer.status}", f"{why} ({answer.status})", answer.retry_after_seconds, is_final)
