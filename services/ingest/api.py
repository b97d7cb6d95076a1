"""The HTTP entry point of ingest: webhooks of platforms, events of the merchant's own systems, operations, audit."""

from fastapi import APIRouter

from services.ingest import events_api, trial_events, webhooks_api
from services.ingest.events_api import EventEndpoints
from services.ingest.quarantine import api as quarantine_api
from services.ingest.quarantine.quarantine import Quarantine
from services.ingest.tallies import api as tallies_api
from services.ingest.webhooks_api import WebhookEndpoints
from shared.audit_log import AuditLog
from shared.db.unit_of_work import UnitOfWorkRunner
from shared.http.audit_routes import create_audit_router


def create_router(
    webhooks: WebhookEndpoints, events: EventEndpoints, quarantine: Quarantine, audit: AuditLog, units: UnitOfWorkRunner
) -> APIRouter:
    """Return the routes of ingest."""
    taken = APIRouter(tags=["events"])
    webhooks_api.add_routes(taken, webhooks)
    events_api.add_routes(taken, events)
    router = APIRouter()
    for part in (
        taken,
        trial_events.create_router(events, units.clock),
        quarantine_api.create_router(quarantine),
        tallies_api.create_router(units),
        create_audit_router(audit, units),
    ):
        router.include_router(part)
    return router
