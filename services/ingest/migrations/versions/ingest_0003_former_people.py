"""Numbers that an order, cart or customer had before are remembered, so that what is asked by right reaches them."""

import sqlalchemy as sa
from alembic import op

import shared.db.types

revision = "ingest_0003"
down_revision = "ingest_0002"

_TABLE = "ingest_former_people"
_INDEXED = ("join_hash", "recipient_id")


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        _TABLE,
        sa.Column("former_key", sa.LargeBinary(), nullable=False),
        sa.Column("join_hash", sa.LargeBinary(), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("recipient_id", shared.db.types.Id(), nullable=False),
        sa.Column("contact", sa.LargeBinary(), nullable=False),
        sa.Column("provenance", sa.Text(), nullable=False),
        sa.Column("updated_at", shared.db.types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("former_key", name=op.f(f"pk_{_TABLE}")),
    )
    for column in _INDEXED:
        op.create_index(op.f(f"ix_{_TABLE}_{column}"), _TABLE, [column])
