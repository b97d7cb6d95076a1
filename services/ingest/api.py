"""The HTTP entry point of ingest: signed webhooks of platforms, and events of the merchant's own systems."""

from fastapi import APIRouter

from services.ingest import events_api, webhooks_api
from services.ingest.events_api import EventEndpoints
from services.ingest.webhooks_api import WebhookEndpoints


def create_router(webhooks: WebhookEndpoints, events: EventEndpoints) -> APIRouter:
    """Return the routes of ingest."""
    router = APIRouter(tags=["ingest"])
    webhooks_api.add_routes(router, webhooks)
    events_api.add_routes(router, events)
    return router
