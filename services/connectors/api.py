"""The entry point of connectors for HTTP: notifications and endpoints, and the audit log."""

from fastapi import APIRouter

from services.connectors.deliveries import api as deliveries
from services.connectors.dependencies import ConnectorsDependencies
from shared.http.audit_routes import create_audit_router


def create_router(deps: ConnectorsDependencies) -> APIRouter:
    """Return every route of connectors."""
    router = APIRouter()
    router.include_router(deliveries.create_router(deps))
    router.include_router(create_audit_router(deps.audit, deps.runtime.units))
    return router
