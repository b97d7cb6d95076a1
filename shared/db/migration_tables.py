"""Tables that services have alike, as a migration creates them; every later change is a migration of its own."""

import sqlalchemy as sa
from alembic import op

from shared.chain import GENESIS
from shared.db.storage import QUEUE
from shared.db.types import Id, Instant, Json


def create_system_tables(service: str) -> None:
    """Create a service's fingerprints, idempotency keys, parked events and positions, inside a migration."""
    op.create_table(
        f"{service}_fingerprints",
        sa.Column("fingerprint", sa.Text, primary_key=True),
        sa.Column("first_seen_at", Instant, nullable=False),
    )
    op.create_table(
        f"{service}_idempotency_keys",
        sa.Column("merchant_id", sa.Text, primary_key=True),
        sa.Column("key_sha256", sa.LargeBinary, primary_key=True),
        sa.Column("request_sha256", sa.LargeBinary, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("answer", Json, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
    )
    op.create_table(
        f"{service}_parked",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("recipient_id", Id, nullable=False),
        sa.Column("merchant_id", sa.Text, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("parked_at", Instant, nullable=False),
    )
    op.create_index(f"ix_{service}_parked_recipient_id", f"{service}_parked", ["recipient_id"])
    op.create_table(
        f"{service}_positions",
        sa.Column("consumer_group", sa.Text, primary_key=True),
        sa.Column("topic", sa.Text, primary_key=True),
        sa.Column("partition", sa.Integer, primary_key=True),
        sa.Column("next_offset", sa.BigInteger, nullable=False),
        sa.Column("moved_at", Instant, nullable=False),
        postgresql_with=QUEUE,
    )


def create_audit_tables(service: str) -> None:
    """Create the entries of a service's audit log, and their days, inside a migration."""
    entries, days = f"{service}_audit", f"{service}_audit_days"
    op.create_table(
        entries,
        sa.Column("id", Id, primary_key=True),
        sa.Column("merchant_id", sa.Text, nullable=False),
        sa.Column("day", sa.Text, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("recipient_id", Id),
        sa.Column("canonical", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("reason", sa.LargeBinary),
        sa.UniqueConstraint("merchant_id", "day", "position", name=f"uq_{entries}_merchant_id"),
    )
    op.create_index(f"ix_{entries}_newest", entries, ["merchant_id", "id"])
    op.create_index(f"ix_{entries}_recipient_id", entries, ["recipient_id"])
    op.create_table(
        days,
        sa.Column("merchant_id", sa.Text, primary_key=True),
        sa.Column("day", sa.Text, primary_key=True),
        sa.Column("entries", sa.BigInteger, nullable=False),
        sa.Column("head", sa.Text, nullable=False, server_default=GENESIS),
        sa.Column("previous", sa.Text),
        sa.Column("root", sa.Text),
        sa.Column("public_key", sa.Text),
        sa.Column("signature", sa.Text),
        sa.Column("signed_at", Instant),
    )
    op.create_index(f"ix_{days}_unsigned", days, ["signed_at", "day"])


def list_parked_events(service: str) -> None:
    """Let a service's parked events be listed by merchant, with the redrives that failed, inside a migration."""
    parked = f"{service}_parked"
    op.add_column(parked, sa.Column("attempts", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column(parked, sa.Column("tried_at", Instant))
    op.create_index(f"ix_{parked}_of_merchant", parked, ["merchant_id", "id"])
