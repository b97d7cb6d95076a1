"""When a person last wrote is known, so that a shop may answer them."""

import sqlalchemy as sa
from alembic import op

import shared.db.types

revision = "compliance_0005"
down_revision = "compliance_0004"


def upgrade() -> None:
    """Bring the schema up."""
    op.add_column("compliance_standings", sa.Column("replied_at", shared.db.types.Instant(), nullable=True))
