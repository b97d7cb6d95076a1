"""The hot statements walk their indexes; a queue of millions of old dispatches costs them nothing."""

from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from services.sender import store
from services.sender.tables import HOLDS_CONTENT, dispatches, metadata
from shared.testing.clock import START
from tests.integration.sender.driver import SenderDriver

BLANKED = sa.select(dispatches).where(dispatches.c.recipient_id == sa.bindparam("gone"), HOLDS_CONTENT)
"""What the statement of an erasure looks for."""


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (store.CLAIM, "ix_sender_dispatches_claim"),
        (store.READY, "ix_sender_dispatches_claim"),
        (BLANKED, "ix_sender_dispatches_of_person"),
    ],
)
async def test_the_statement_uses_its_index(driver: SenderDriver, statement: sa.ClauseElement, index: str) -> None:
    plan = await driver.harness.plan(
        statement,
        sender_number="+1",
        partitions=[0],
        now=START,
        most=10,
        last_priority=3,
        valid_until=START + timedelta(minutes=9),
        gone=UUID(int=1),
    )
    assert index in plan
    assert "TEMP B-TREE" not in plan
    assert "Sort" not in plan


def test_every_table_is_named_after_the_service() -> None:
    assert all(name.startswith("sender_") for name in metadata.tables)
