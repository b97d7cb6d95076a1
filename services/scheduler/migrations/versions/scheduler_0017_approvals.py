"""What waits for a second person's yes, and how many texts a resume let go on one person's word."""

import sqlalchemy as sa
from alembic import op

from shared.db.types import Id, Instant, Json

revision = "scheduler_0017"
down_revision = "scheduler_0016"


def upgrade() -> None:
    """Bring the schema up."""
    op.add_column("scheduler_controls", sa.Column("let_go", sa.BigInteger))
    op.create_table(
        "scheduler_approvals",
        sa.Column("id", Id, primary_key=True),
        sa.Column("merchant_id", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("subject", Json, nullable=False),
        sa.Column("texts", sa.BigInteger, nullable=False),
        sa.Column("asked_by", sa.Text, nullable=False),
        sa.Column("asked_at", Instant, nullable=False),
        sa.Column("reason", sa.LargeBinary, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("answer", sa.Text),
        sa.Column("answered_by", sa.Text),
        sa.Column("answered_at", Instant),
        sa.Column("answer_reason", sa.LargeBinary),
    )
    op.create_index("ix_scheduler_approvals_newest", "scheduler_approvals", ["merchant_id", "id"])
    op.create_index("ix_scheduler_approvals_open", "scheduler_approvals", ["merchant_id", "answered_at", "expires_at"])
