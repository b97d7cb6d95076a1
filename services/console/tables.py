"""The tables of the console: its users, who is signed in or invited, who did what to them, and imports under way."""

import sqlalchemy as sa

from shared.db.audit_store import audit_tables_of
from shared.db.system_tables import metadata_of
from shared.db.types import Id, Instant

metadata, system_tables = metadata_of("console")
audit_tables = audit_tables_of(metadata, "console")
"""Who did what to users, and who signed in. No entry has a reason: the console has no key to seal one."""

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
    sa.Column("issuer", sa.Text),
    sa.Column("subject", sa.Text),
    sa.Index("ix_console_users_identity", "issuer", "subject", unique=True),
)
"""`version` changes with the password; a session is good for the version that opened it. Never the same twice.

Who signs in at an identity provider has its issuer and their subject there, and an empty hash, which no password has.
"""

sessions = sa.Table(
    "console_sessions",
    metadata,
    sa.Column("token_sha256", sa.LargeBinary, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("merchant_id", sa.Text, nullable=False),
    sa.Column("key_sha256", sa.Text, nullable=False),
    sa.Column("user_name", sa.Text, nullable=False, index=True),
    sa.Column("user_version", Id),
    sa.Column("ends_at", Instant, nullable=False, index=True),
    sa.Column("browser", sa.Text, nullable=False, server_default=""),
    sa.Column("began_at", Instant),
    sa.Column("used_at", Instant),
)
"""Sessions and one-time codes, by the hash of the cookie or code; of a user, or of an API key.

`browser` is one of a few words, `used_at` is right to a few minutes; no address is kept."""

failed_sign_ins = sa.Table(
    "console_failed_sign_ins",
    metadata,
    sa.Column("user_name", sa.Text, primary_key=True),
    sa.Column("day", sa.Text, primary_key=True),
    sa.Column("failures", sa.BigInteger, nullable=False),
    sa.Column("ends_at", Instant, nullable=False, index=True),
)
"""How often a wrong password was tried for a user on a UTC day; names without a user are not kept."""

invitations = sa.Table(
    "console_invitations",
    metadata,
    sa.Column("invitation_id", Id, primary_key=True),
    sa.Column("token_sha256", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("merchant_id", sa.Text, nullable=False, index=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("made_by", sa.Text, nullable=False),
    sa.Column("made_at", Instant, nullable=False),
    sa.Column("ends_at", Instant, nullable=False, index=True),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("used_by", sa.Text, nullable=False),
)
"""Links by which people make their own users, by the hash of the link, and what became of each."""

second_factors = sa.Table(
    "console_second_factors",
    metadata,
    sa.Column("user_name", sa.Text, primary_key=True),
    sa.Column("secret", sa.LargeBinary, nullable=False),
    sa.Column("last_step", sa.BigInteger, nullable=False),
    sa.Column("made_at", Instant, nullable=False),
)
"""The authenticator of a user: its secret, sealed, and the step of the code that was taken last, since 1970."""

recovery_codes = sa.Table(
    "console_recovery_codes",
    metadata,
    sa.Column("user_name", sa.Text, primary_key=True),
    sa.Column("code_sha256", sa.LargeBinary, primary_key=True),
)
"""Codes for when the authenticator is lost; a row is one that is not used yet."""

sign_in_rules = sa.Table(
    "console_sign_in_rules",
    metadata,
    sa.Column("merchant_id", sa.Text, primary_key=True),
    sa.Column("required_at", Instant, nullable=False),
)
"""Merchants that ask everybody for a second step, and since when."""

imports = sa.Table(
    "console_imports",
    metadata,
    sa.Column("merchant_id", sa.Text, primary_key=True),
    sa.Column("import_id", Id, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("is_trial", sa.Boolean, nullable=False),
    sa.Column("file_name", sa.Text, nullable=False),
    sa.Column("uploaded_by", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("bytes_read", sa.BigInteger, nullable=False),
    sa.Column("recorded", sa.BigInteger, nullable=False),
    sa.Column("repeated", sa.BigInteger, nullable=False),
    sa.Column("refused", sa.BigInteger, nullable=False),
    sa.Column("problem", sa.Text, nullable=False),
    sa.Column("began_at", Instant, nullable=False),
    sa.Column("changed_at", Instant, nullable=False),
    sa.Column("ends_at", Instant, nullable=False, index=True),
)
"""The newest import of consents of each merchant: how far it is. The file itself lies sealed in one process."""

import_refusals = sa.Table(
    "console_import_refusals",
    metadata,
    sa.Column("import_id", Id, primary_key=True),
    sa.Column("place", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("line", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("ends_at", Instant, nullable=False, index=True),
)
"""Rows that an import refused: where they stand in the file and why, and nothing of what they say."""
