"""On PostgreSQL timers lie in one partition a day: old days are dropped whole, and nothing is left to vacuum."""

import sqlalchemy as sa
from alembic import op

revision = "scheduler_0002"
down_revision = "scheduler_0001"

_BY_DAY = (
    "ALTER TABLE scheduler_timers RENAME TO scheduler_timers_before",
    "ALTER TABLE scheduler_timers_before RENAME CONSTRAINT pk_scheduler_timers TO pk_scheduler_timers_before",
    "CREATE TABLE scheduler_timers (LIKE scheduler_timers_before INCLUDING DEFAULTS) PARTITION BY RANGE (due_at)",
    (
        "ALTER TABLE scheduler_timers ADD CONSTRAINT pk_scheduler_timers "
        "PRIMARY KEY (partition, due_at, follow_up_id, kind)"
    ),
    "CREATE TABLE scheduler_timers_later PARTITION OF scheduler_timers DEFAULT",
    "INSERT INTO scheduler_timers SELECT * FROM scheduler_timers_before",
    "DROP TABLE scheduler_timers_before",
)


def upgrade() -> None:
    """Bring the schema up."""
    if op.get_context().dialect.name == "postgresql":
        for statement in _BY_DAY:
            op.execute(sa.text(statement))
