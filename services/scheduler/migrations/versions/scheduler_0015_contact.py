"""How a person who wrote is reached is known as long as they may be answered, so that an answer needs no number."""

import sqlalchemy as sa
from alembic import op

revision = "scheduler_0015"
down_revision = "scheduler_0014"


def upgrade() -> None:
    """Bring the schema up."""
    op.add_column("scheduler_recipients", sa.Column("contact", sa.LargeBinary, nullable=True))
    op.create_index(
        "ix_scheduler_recipients_replied_at",
        "scheduler_recipients",
        ["replied_at"],
        sqlite_where=sa.text("replied_at IS NOT NULL"),
        postgresql_where=sa.text("replied_at IS NOT NULL"),
    )
