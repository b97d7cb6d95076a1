"""Compares the merchant files with what the database knows of them, says what changed, and pauses removed flows.

Every process compares its own copy of the files. A change is decided once more in the unit that stores it, under the
lock of controls: of several processes one acts, and a process that dies leaves all of it to the next, or nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from services.scheduler import instruments
from services.scheduler.controls import store as control_rows
from services.scheduler.controls.changing import lift, put_in_force
from services.scheduler.controls.second_person import takes_two, texts_let_go
from services.scheduler.controls.store import StoredControl
from services.scheduler.removed_flows import store
from services.scheduler.removed_flows.changes import (
    ChangeKind,
    FileChange,
    FlowKey,
    KnownFlow,
    changes_of,
    missing_among,
)
from services.scheduler.removed_flows.store import MADE_BY_FILES
from services.scheduler.runs.versions import Versions
from shared import ids
from shared.config.directory import Merchant, MerchantDirectory
from shared.controls import Control, ControlAction, ControlScope
from shared.db import control_store
from shared.db.transaction import Transaction, WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.privacy import Sealer
from shared.telemetry.logs import logger

LOOK_SECONDS: Final = 10.0
_STALLED_SECONDS: Final = 30.0
"""A process that did nothing for so long may hold files of then: it reads them again before it compares."""
_AT_ONCE: Final = 200
_NAMED: Final = 5
_LOGGED: Final = 20
_NONE: Final[Mapping[FlowKey, str]] = {}
_FLOW_REMOVED: Final = "the flow was removed from the files"
_FOLDER_REMOVED: Final = "the merchant was removed from the files"
_BACK: Final = "it is in the files again"
_EMPTIED: Final = "no text of it is planned any more"

log = logger(__name__)


class FlowFilesLoop:
    """Notices flows and merchants that were added, changed and removed."""

    def __init__(
        self, units: UnitOfWorkRunner, merchants: MerchantDirectory, versions: Versions, sealer: Sealer
    ) -> None:
        self._units = units
        self._merchants = merchants
        self._versions = versions
        self._sealer = sealer
        self._read: tuple[tuple[Merchant, ...], Mapping[FlowKey, str]] = ((), _NONE)
        self._compared: Mapping[FlowKey, str] = _NONE
        self._looked_at: float | None = None
        self._paused: dict[FlowKey, int] = {}

    async def step(self) -> float:
        """Compare once, and return the seconds until the next time."""
        now, before = self._units.clock.monotonic(), self._looked_at
        self._looked_at = now
        if before is not None and now - before > _STALLED_SECONDS:
            return LOOK_SECONDS
        files = self._files()
        found = await self._units.read(lambda db: self._changes(db, files))
        if found:
            _say(await self._units.run(lambda uow: self._take(uow, files), WritePriority.BATCHES))
        if len(found) > _AT_ONCE:
            return 0.0
        self._compared = files
        return LOOK_SECONDS

    async def worry(self) -> str | None:
        """Return which removed flows are paused and await an answer, and the two answers there are."""
        if not self._paused:
            return None
        named = [_described(key, texts) for key, texts in sorted(self._paused.items())[:_NAMED]]
        more = f", and {len(self._paused) - _NAMED} more" if len(self._paused) > _NAMED else ""
        return (
            f"removed from the files while texts are planned, which are paused: {', '.join(named)}{more}; "
            "`followup resume` finishes them, `followup stop` cancels them, putting the file back lets them go on; "
            "see docs/how-to/pause.md"
        )

    def _files(self) -> Mapping[FlowKey, str]:
        """Return the versions in the files in force here, with each merchant as a whole."""
        merchants = self._merchants.merchants
        if len(merchants) != len(self._read[0]) or any(
            now is not then for now, then in zip(merchants, self._read[0], strict=True)
        ):
            files = {FlowKey.whole(merchant.id): "" for merchant in merchants}
            for merchant in merchants:
                for name, flow in merchant.flows.items():
                    files[FlowKey(merchant.id, name)] = self._versions.of(flow).version
            self._read = (merchants, files)
        return self._read[1]

    async def _changes(self, db: Transaction, files: Mapping[FlowKey, str]) -> list[FileChange]:
        return (await self._compare(db, files))[0]

    async def _compare(
        self, db: Transaction, files: Mapping[FlowKey, str]
    ) -> tuple[list[FileChange], dict[FlowKey, KnownFlow]]:
        known = {flow.key: flow for flow in await store.known_flows(db)}
        missing = missing_among(files, known)
        changed = {key for key, version in files.items() if self._compared.get(key) != version}
        texts = await store.planned_texts(db, {key.merchant_id for key in missing | changed})
        paused = {key: texts[key] for key in missing if known[key].is_paused and texts[key]}
        self._paused = paused
        instruments.REMOVED_FLOWS.set(len(paused))
        return changes_of(files, self._compared, known.values(), texts, self._units.clock.now()), known

    async def _take(self, uow: UnitOfWork, files: Mapping[FlowKey, str]) -> list[tuple[FileChange, UUID | None]]:
        """Store what changed, pause what was removed, and lift the pause of what is back."""
        await control_store.lock_alone(uow.db)
        changes, known = await self._compare(uow.db, files)
        done = []
        for change in changes[:_AT_ONCE]:
            flow = known.get(change.key)
            missing_since = flow.missing_since if flow else None
            control: UUID | None = None
            match change.kind:
                case ChangeKind.MISSING:
                    missing_since = uow.now
                case ChangeKind.REMOVED:
                    control = await self._pause(uow, change.key)
                case ChangeKind.EMPTIED:
                    await self._lift(uow, flow, _EMPTIED)
                case _:
                    missing_since = None
                    await self._let_go_on(uow, flow)
            await store.save_known(uow.db, change.key, change.version, missing_since, control)
            done.append((change, control))
        return done

    async def _pause(self, uow: UnitOfWork, key: FlowKey) -> UUID:
        """Return the pause of a removed flow: a new one, or what a person has put on exactly it for good."""
        scope = ControlScope(key.merchant_id, None if key.is_whole else key.flow)
        known = await control_rows.find_in_force(uow.db, scope, uow.now)
        lasting = [each.control.id for each in known if each.control.until is None]
        if lasting:
            return lasting[0]
        control = Control(ids.minted(uow.now), ControlAction.PAUSE, scope, uow.now)
        await put_in_force(
            uow, self._sealer, control, _FOLDER_REMOVED if key.is_whole else _FLOW_REMOVED, MADE_BY_FILES
        )
        return control.id

    async def _let_go_on(self, uow: UnitOfWork, flow: KnownFlow | None) -> None:
        """Lift the pause of a flow that is back, unless letting its texts go takes a second person.

        Otherwise who may write flows could resume alone by putting a file back. The pause stays, as one that a person
        made: somebody resumes it, and somebody else says yes.
        """
        stored = await self._own_pause(uow, flow)
        merchant = self._merchants.get(stored.control.scope.merchant_id) if stored is not None else None
        if stored is None or merchant is None:
            return
        scope = stored.control.scope
        texts = await texts_let_go(uow.db, merchant, scope, [stored.control.id])
        if await takes_two(uow.db, merchant, scope, texts, uow.now):
            log.warning("flow_back_and_still_paused", merchant=merchant.id, flow=scope.flow, waiting_texts=texts)
            return
        await lift(uow, self._sealer, stored, _BACK, MADE_BY_FILES, texts)

    async def _lift(self, uow: UnitOfWork, flow: KnownFlow | None, reason: str) -> None:
        """Lift the pause of a removed flow if it is in force, and the scheduler's own."""
        if (stored := await self._own_pause(uow, flow)) is not None:
            await lift(uow, self._sealer, stored, reason, MADE_BY_FILES)

    async def _own_pause(self, uow: UnitOfWork, flow: KnownFlow | None) -> StoredControl | None:
        if flow is None or flow.control_id is None or not flow.is_paused:
            return None
        return await control_rows.load(uow.db, flow.control_id)


def _say(done: Sequence[tuple[FileChange, UUID | None]]) -> None:
    """Log what changed, in one line; a removed flow is a warning of its own, since somebody has to answer."""
    names: dict[str, list[str]] = {}
    for change, control in done:
        if change.kind is ChangeKind.REMOVED:
            log.warning(
                "flow_removed_and_paused",
                merchant=change.key.merchant_id,
                flow=change.key.flow,
                planned_texts=change.texts,
                control=str(control),
            )
        else:
            names.setdefault(change.kind.value, []).append(_said(change))
    if names:
        log.info("flow_files_changed", **{kind: _some(said) for kind, said in names.items()})


def _said(change: FileChange) -> str:
    name = change.key.merchant_id if change.key.is_whole else f"{change.key.merchant_id}/{change.key.flow}"
    return f"{name} ({change.texts} texts planned)" if change.texts else name


def _some(said: Sequence[str]) -> list[str]:
    more = [f"and {len(said) - _LOGGED} more"] if len(said) > _LOGGED else []
    return [*said[:_LOGGED], *more]


def _described(key: FlowKey, texts: int) -> str:
    name = f"the merchant {key.merchant_id}" if key.is_whole else f"{key.merchant_id} --flow {key.flow}"
    return f"{name} ({texts})"
