"""The audit log of a service: what somebody does is entered with it or not at all, and each finished day is signed."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from shared import aad, ids
from shared.audit import Actor, AuditEntry, Deed
from shared.clock import Clock
from shared.db import audit_store
from shared.db.audit_store import AuditTables
from shared.db.transaction import Transaction, WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.loop import SLOW_SECONDS, Loop
from shared.privacy import Sealer
from shared.service import Runtime
from shared.settings import AuditSettings
from shared.signing import SigningKey, key_of
from shared.telemetry.logs import logger

GRACE: Final = timedelta(hours=1)
"""How long after midnight UTC a day is signed: by then every unit that began before has committed."""
_LOOK_AGAIN_SECONDS: Final = 600.0

log = logger(__name__)


@dataclass(frozen=True, eq=False, slots=True)
class AuditLog:
    """Enters what people do through one service."""

    tables: AuditTables
    sealer: Sealer

    def record(self, uow: UnitOfWork, actor: Actor, deed: Deed) -> None:
        """Enter one action, if and only if its unit commits. Written at the very end of the unit."""
        key, reason = ids.minted(uow.now), None
        if deed.reason is not None:
            reason = self.sealer.seal(deed.merchant_id, aad.audit_reason(key), deed.reason.encode())
        entry = AuditEntry(
            id=key,
            service=self.tables.service,
            merchant_id=deed.merchant_id,
            at=uow.now,
            actor=actor,
            action=deed.action,
            subject=deed.subject,
            recipient_id=deed.recipient_id,
            fields=deed.fields,
            counts=deed.counts,
            reason_sha256=None if reason is None else hashlib.sha256(reason).hexdigest(),
        )
        uow.write_last(self._append, (entry, reason))

    async def _append(self, db: Transaction, made: Sequence[tuple[AuditEntry, bytes | None]]) -> None:
        await audit_store.append(db, self.tables, made)


class AuditKeeper:
    """Signs the finished days of one service's audit log; a second keeper of the same log changes nothing."""

    def __init__(self, units: UnitOfWorkRunner, clock: Clock, tables: AuditTables, key: SigningKey) -> None:
        self._units = units
        self._clock = clock
        self._tables = tables
        self._key = key

    async def step(self) -> float:
        """Sign finished days, and return the seconds until there may be more."""
        finished = ((self._clock.now() - GRACE).date() - timedelta(days=1)).isoformat()
        unsigned = await self._units.read(lambda db: audit_store.unsigned_days(db, self._tables, finished))
        if not unsigned:
            return _LOOK_AGAIN_SECONDS

        async def work(uow: UnitOfWork) -> None:
            await audit_store.sign(uow.db, self._tables, unsigned, self._key, uow.now)

        await self._units.run(work, WritePriority.BATCHES)
        return 0.0


def audit_loops(runtime: Runtime, tables: AuditTables) -> tuple[Loop, ...]:
    """Return the loop that signs a service's audit log; none where there is no key to sign with.

    Raises:
        ConfigurationFault: a key was named, or is there, and cannot be used.
    """
    key = key_of(AuditSettings().signing_key_file, runtime.settings)
    if key is None:
        log.warning("audit_unsigned", service=tables.service, advice="name a key with FOLLOWUP_AUDIT_SIGNING_KEY_FILE")
        return ()
    keeper = AuditKeeper(runtime.units, runtime.clock, tables, key)
    return (Loop("sign-audit", keeper.step, longest_seconds=SLOW_SECONDS),)
