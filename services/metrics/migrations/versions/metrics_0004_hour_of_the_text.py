"""What people do with a text counts in the text's own hour; costs are added up in millionths."""

import sqlalchemy as sa
from alembic import op

from shared.db.types import Id, Instant
from shared.money import micros_per_minor

revision = "metrics_0004"
down_revision = "metrics_0003"


def upgrade() -> None:
    """Bring the schema up; the sums of costs so far are carried over, in millionths."""
    op.add_column("metrics_follow_ups", sa.Column("accepted_at", Instant))
    op.add_column("metrics_follow_ups", sa.Column("delivered_by", Id))
    connection = op.get_bind()
    currencies = connection.execute(sa.text("SELECT DISTINCT detail FROM metrics_rollups WHERE measure = 'cost'"))
    for (currency,) in list(currencies):
        connection.execute(
            sa.text(
                "UPDATE metrics_rollups SET measure = 'cost_micros', value = value * :factor "
                "WHERE measure = 'cost' AND detail = :currency"
            ),
            {"factor": micros_per_minor(currency), "currency": currency},
        )
