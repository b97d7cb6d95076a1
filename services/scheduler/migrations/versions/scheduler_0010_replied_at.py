"""When a person last wrote, and to which number, is known, so that a shop may answer them."""

import sqlalchemy as sa
from alembic import op

import shared.db.types

revision = "scheduler_0010"
down_revision = "scheduler_0009"


def upgrade() -> None:
    """Bring the schema up."""
    op.add_column("scheduler_recipients", sa.Column("replied_at", shared.db.types.Instant(), nullable=True))
    op.add_column("scheduler_recipients", sa.Column("replied_to", sa.Text(), nullable=True))
