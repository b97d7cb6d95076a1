"""The hot statements walk their indexes; a queue of millions of old dispatches costs them nothing."""

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from services.sender import erasure, store
from services.sender.schema import metadata
from tests.integration.sender.desk import Desk


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (store.CLAIM, "ix_sender_dispatches_claim"),
        (store.READY, "ix_sender_dispatches_claim"),
        (erasure.BLANK, "ix_sender_dispatches_recipient_id"),
    ],
)
async def test_the_statement_uses_its_index(desk: Desk, statement: sa.Executable, index: str) -> None:
    assert isinstance(statement, sa.ClauseElement)
    compiled = statement.compile(dialect=sqlite.dialect())
    file = Path(desk.house.runtime.settings.data_dir) / "followup.db"
    with sqlite3.connect(file) as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {compiled}", [0] * len(compiled.params)).fetchall()
    connection.close()
    told = " ".join(str(line[-1]) for line in plan)
    assert index in told
    assert "TEMP B-TREE" not in told


def test_every_table_is_named_after_the_service() -> None:
    assert all(name.startswith("sender_") for name in metadata.tables)
