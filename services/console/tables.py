"""The tables of the console: its users, and who is signed in."""

import sqlalchemy as sa

from shared.db.system_tables import metadata_of
from shared.db.types import Id, Instant

metadata, system_tables = metadata_of("console")

users = sa.Table(
    "console_users",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("merchant_id", sa.Text, nullable=False, index=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("password_hash", sa.Text, nullable=False),
    sa.Column("version", Id, nullable=False),
    sa.Column("made_at", Instant, nullable=False),
    sa.Column("changed_at", Instant, nullable=False),
)
"""`version` changes with the password; a session is good for the version that opened it. Never the same twice."""

sessions = sa.Table(
    "console_sessions",
    metadata,
    sa.Column("token_sha256", sa.LargeBinary, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("merchant_id", sa.Text, nullable=False),
    sa.Column("key_sha256", sa.Text, nullable=False),
    sa.Column("user_name", sa.Text, nullable=False),
    sa.Column("user_version", Id),
    sa.Column("ends_at", Instant, nullable=False, index=True),
)
"""Sessions and one-time codes, by the hash of the cookie or code; of a user, or of an API key."""
