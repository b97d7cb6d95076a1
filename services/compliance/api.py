"""The entry point of compliance for HTTP: the routers of its capabilities."""

from fastapi import APIRouter

from services.compliance.caps import holds
from services.compliance.consents import api as consents
from services.compliance.consents import standing_api
from services.compliance.dependencies import ComplianceDependencies
from services.compliance.gate import api as gate
from services.compliance.ledger import checking, listing
from services.compliance.preferences import pages as preference_pages
from services.compliance.privacy import api as privacy
from shared.http.audit_routes import create_audit_router


def create_router(deps: ComplianceDependencies) -> APIRouter:
    """Return every route of compliance."""
    runtime = deps.runtime
    router = APIRouter()
    for part in (
        consents.create_router(deps.consents, deps.links, runtime.quotas),
        standing_api.create_router(deps.consents, deps.links, runtime.quotas),
        listing.create_router(runtime.units),
        checking.create_router(runtime.units),
        gate.create_router(runtime.units),
        consents.create_imports_router(deps.imports, runtime.quotas),
        holds.create_router(runtime.units, deps.audit),
        privacy.create_router(deps.rights),
        create_audit_router(deps.audit, runtime.units),
        preference_pages.create_router(deps.preferences, deps.links, runtime.merchants),
    ):
        router.include_router(part)
    return router
