"""Users who sign in at an identity provider: its issuer, and their subject there."""

import sqlalchemy as sa
from alembic import op

revision = "console_0008"
down_revision = "console_0007"


def upgrade() -> None:
    """Bring the schema up."""
    op.add_column("console_users", sa.Column("issuer", sa.Text(), nullable=True))
    op.add_column("console_users", sa.Column("subject", sa.Text(), nullable=True))
    op.create_index("ix_console_users_identity", "console_users", ["issuer", "subject"], unique=True)
