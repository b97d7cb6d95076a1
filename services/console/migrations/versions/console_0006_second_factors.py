"""Second factors of users, their recovery codes, and merchants that ask everybody for one."""

import sqlalchemy as sa
from alembic import op

import shared.db.types

revision = "console_0006"
down_revision = "console_0005"


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "console_second_factors",
        sa.Column("user_name", sa.Text(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("made_at", shared.db.types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("user_name", name=op.f("pk_console_second_factors")),
    )
    op.create_table(
        "console_recovery_codes",
        sa.Column("user_name", sa.Text(), nullable=False),
        sa.Column("code_sha256", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("user_name", "code_sha256", name=op.f("pk_console_recovery_codes")),
    )
    op.create_table(
        "console_sign_in_rules",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("required_at", shared.db.types.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", name=op.f("pk_console_sign_in_rules")),
    )
