"""Sessions know when they began, when they were used, and in which browser, so that their user can tell them apart."""

import sqlalchemy as sa
from alembic import op

import shared.db.types

revision = "console_0007"
down_revision = "console_0006"


def upgrade() -> None:
    """Bring the schema up."""
    op.add_column("console_sessions", sa.Column("browser", sa.Text(), nullable=False, server_default=""))
    op.add_column("console_sessions", sa.Column("began_at", shared.db.types.Instant(), nullable=True))
    op.add_column("console_sessions", sa.Column("used_at", shared.db.types.Instant(), nullable=True))
    op.create_index("ix_console_sessions_user_name", "console_sessions", ["user_name"])
