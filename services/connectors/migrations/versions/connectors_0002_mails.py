"""How many mails a merchant was sent within the hour."""

import sqlalchemy as sa
from alembic import op

import shared.db.types
from shared.db.storage import CHANGING

revision = "connectors_0002"
down_revision = "connectors_0001"


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "connectors_mail_hours",
        sa.Column("merchant_id", sa.Text(), primary_key=True),
        sa.Column("hour", shared.db.types.Instant(), nullable=False),
        sa.Column("mails", sa.BigInteger(), nullable=False),
        postgresql_with=dict(CHANGING),
    )
