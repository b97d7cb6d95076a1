"""SQL of imports: how far each is, and which rows it refused. It holds nothing about a person."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import sqlalchemy as sa

from services.console.tables import import_refusals, imports
from shared.db.transaction import Transaction
from shared.ids import MerchantId

MOST_REFUSALS: Final = 10_000
"""Kept of an import; more are counted."""


class ImportState(StrEnum):
    """How far an import is."""

    RECEIVING = "receiving"
    """The file comes in."""
    TRYING = "trying"
    """Each row is read and compared with the ledger; nothing is recorded."""
    TRIED = "tried"
    """Somebody must say whether it is imported."""
    IMPORTING = "importing"
    DONE = "done"
    STOPPED = "stopped"
    """By a person; what was recorded before stays."""
    FAILED = "failed"
    """The file cannot be read, or a service did not answer; `problem` says which."""


RUNNING: Final = frozenset({ImportState.RECEIVING, ImportState.TRYING, ImportState.IMPORTING})
HELD: Final = RUNNING | {ImportState.TRIED}
"""While the process that took the file must be there."""


@dataclass(frozen=True, slots=True)
class StoredImport:
    """The newest import of a merchant."""

    merchant_id: MerchantId
    import_id: UUID
    state: ImportState
    is_trial: bool
    """Whether its figures say what would be recorded."""
    file_name: str
    uploaded_by: str
    size: int
    """Bytes of the file."""
    began_at: datetime
    changed_at: datetime
    ends_at: datetime
    bytes_read: int = 0
    recorded: int = 0
    repeated: int = 0
    refused: int = 0
    problem: str = ""
    """Why it failed; empty otherwise."""

    @property
    def rows(self) -> int:
        """How many rows were read."""
        return self.recorded + self.repeated + self.refused

    @property
    def percent(self) -> int:
        """How far the file is read."""
        return min(100, self.bytes_read * 100 // self.size) if self.size else 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that is not taken."""

    line: int
    reason: str
    detail: str


async def find(db: Transaction, merchant: MerchantId) -> StoredImport | None:
    """Return the newest import of a merchant."""
    for row in await db.fetch(imports, "merchant_id", [merchant]):
        return StoredImport(**{**row, "state": ImportState(row["state"])})
    return None


async def put(db: Transaction, entry: StoredImport) -> None:
    """Store how far an import is, in place of the merchant's one before."""
    await db.upsert(imports, [{**asdict(entry), "state": entry.state.value}])


async def refuse(db: Transaction, entry: StoredImport, refused: Sequence[Refusal]) -> None:
    """Keep refused rows of an import, which are not counted in it yet; up to `MOST_REFUSALS`."""
    of_import = {"import_id": entry.import_id, "ends_at": entry.ends_at}
    kept = [
        {**of_import, "place": place, **asdict(each)}
        for place, each in enumerate(refused, entry.refused)
        if place < MOST_REFUSALS
    ]
    if kept:
        await db.insert(import_refusals, kept)


async def forget_refusals(db: Transaction, import_id: UUID) -> None:
    """Delete the refused rows of an import, which begins anew."""
    await db.delete(import_refusals, "import_id", [import_id])


async def refusals(db: Transaction, import_id: UUID, limit: int) -> list[Refusal]:
    """Return refused rows of an import, in the order of the file."""
    statement = sa.select(import_refusals.c.line, import_refusals.c.reason, import_refusals.c.detail)
    found = await db.rows(
        statement.where(import_refusals.c.import_id == import_id).order_by(import_refusals.c.place).limit(limit)
    )
    return [Refusal(int(row["line"]), row["reason"], row["detail"]) for row in found]


def moved(entry: StoredImport, **changes: object) -> StoredImport:
    """Return an import that is further."""
    return replace(entry, **changes)  # type: ignore[arg-type]  # dataclasses.replace cannot be typed by name
