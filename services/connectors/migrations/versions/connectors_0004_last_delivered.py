"""When an endpoint last took a notification."""

import sqlalchemy as sa
from alembic import op

from shared.db.types import Instant

revision = "connectors_0004"
down_revision = "connectors_0003"


def upgrade() -> None:
    """Bring the schema up."""
    op.add_column("connectors_endpoints", sa.Column("delivered_at", Instant, nullable=True))
