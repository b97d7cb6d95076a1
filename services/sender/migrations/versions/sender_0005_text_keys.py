"""Each person has a key of their own under which the hashes of their texts are kept; it goes with their erasure.

Who was known before gets one with their next text; until then the hashes they have are of the text alone.
"""

import sqlalchemy as sa
from alembic import op

revision = "sender_0005"
down_revision = "sender_0004"


def upgrade() -> None:
    """Bring the schema up."""
    op.add_column("sender_recipients", sa.Column("text_key", sa.LargeBinary(), nullable=True))
