"""Imports under way: a merchant has one at a time; it runs in the process that took the file, beside the pages.

The process may die on any line: what was recorded is in the ledger, the sealed file is gone, and whoever looks is told
to upload it again, which records nothing twice.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from itertools import islice
from typing import Any, Final
from uuid import UUID, uuid4

from services.console.accounts import user_store
from services.console.accounts.sessions import SignedInPerson
from services.console.calls import ServiceCalls
from services.console.imports import store
from services.console.imports.sealed_file import SealedFile
from services.console.imports.store import HELD, ImportState, Refusal, StoredImport, moved
from shared.consent_file import ConsentFile, ConsentRow
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork, UnitOfWorkRunner
from shared.errors import ConfigurationFault, describe
from shared.http.body import MOST_UPLOADED_BYTES
from shared.http.problems import HTTPProblem
from shared.ids import MerchantId
from shared.telemetry.logs import logger
from shared.worker_thread import SMALL_BYTES, in_worker_thread

SILENT_AFTER: Final = timedelta(seconds=60)
"""A running import that has said nothing for so long is given up: its process has ended."""
KEPT: Final = timedelta(hours=24)
_BEAT: Final = timedelta(seconds=15)
"""How often a process says that it holds a file."""
_LOOK_SECONDS: Final = 1.0
_ROWS_AT_ONCE: Final = 500
_CHARACTERS_AT_ONCE: Final = 40_000
"""Of rows in one request, with the last row at most 150,000: as JSON below the limit of a body, whatever they are."""
MOST_HELD_BYTES: Final = 2 * MOST_UPLOADED_BYTES
"""Of all shops' files together in one process; the disk that they lie on belongs to all."""
_TRIED_KEPT: Final = timedelta(hours=1)
"""How long a file that was tried waits for a decision."""
_PATH: Final = "/v1/consents/imports"
_PAUSES_SECONDS: Final = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 60.0, 60.0)
"""Before a batch is sent again that a service did not take now."""
_FULL: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.BAD_GATEWAY})

log = logger(__name__)


class _Refused(Exception):
    """The import cannot go on; the message says why."""


@dataclass(slots=True)
class _Held:
    """A file that this process has, and who may say what becomes of it."""

    import_id: UUID
    person: SignedInPerson
    scope: str
    reserved: int
    """Bytes that its file may take."""
    file: SealedFile = field(default_factory=SealedFile)
    work: "asyncio.Task[None] | None" = None
    is_importing: bool = False


@dataclass(slots=True)
class _Progress:
    """What a reading of the file has come to."""

    entry: StoredImport
    rows: Iterator[ConsentRow]
    read: int = 0

    def note(self, position: int) -> None:
        self.read = position


class ImportJobs:
    """Takes files, tries and imports their rows, and says how far each is."""

    def __init__(self, units: UnitOfWorkRunner, calls: ServiceCalls) -> None:
        self._units = units
        self._calls = calls
        self._held: dict[MerchantId, _Held] = {}

    async def newest(self, merchant: MerchantId) -> StoredImport | None:
        """Return a merchant's newest import; one whose process has ended has failed."""
        entry = await self._units.read(lambda db: store.find(db, merchant))
        return None if entry is None else self._as_it_is(entry)

    async def refusals(self, entry: StoredImport, limit: int) -> list[Refusal]:
        """Return refused rows of an import."""
        return await self._units.read(lambda db: store.refusals(db, entry.import_id, limit))

    async def begin(self, person: SignedInPerson, file_name: str, size: int, scope: str) -> SealedFile:
        """Make room for a file of a person's shop.

        Raises:
            HTTPProblem: 409, the shop's import before is not over; 503, other shops' files take all the room there is.
        """
        merchant = person.merchant.id
        reserved = size or MOST_UPLOADED_BYTES  # a browser says how much it sends
        if reserved + sum(each.reserved for key, each in self._held.items() if key != merchant) > MOST_HELD_BYTES:
            raise HTTPProblem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "too_many_files",
                "files of other shops are being read; upload yours again in some minutes",
            )
        import_id, now = uuid4(), self._units.clock.now()
        entry = StoredImport(
            merchant_id=merchant,
            import_id=import_id,
            state=ImportState.RECEIVING,
            is_trial=True,
            file_name=file_name,
            uploaded_by=person.name,
            size=size,
            began_at=now,
            changed_at=now,
            ends_at=now + KEPT,
        )

        async def work(uow: UnitOfWork) -> StoredImport | None:
            there = await store.find(uow.db, merchant)
            if there is not None and self._as_it_is(there).state in HELD:
                return there
            await store.put(uow.db, entry)
            return None

        there = await self._units.run(work, WritePriority.INGEST)
        if there is not None:
            who = there.uploaded_by.removeprefix("user:")
            raise HTTPProblem(
                HTTPStatus.CONFLICT,
                "import_under_way",
                f"{who}'s file “{there.file_name}” is not finished; let it end, or stop it, and upload yours again",
            )
        self._let_go(merchant)
        held = self._held[merchant] = _Held(import_id, person, scope, reserved)
        return held.file

    async def received(self, merchant: MerchantId) -> None:
        """Begin to try the rows of a file that came to its end."""
        held = self._held.get(merchant)
        if held is None:  # given up meanwhile, as when the process ends
            raise HTTPProblem(HTTPStatus.CONFLICT, "no_such_import", "the upload was given up; upload the file again")
        held.file.finish()
        held.reserved = held.file.size
        held.work = asyncio.create_task(self._run(held, merchant, is_trial=True), name="console:import")

    async def broken_off(self, merchant: MerchantId, why: str) -> None:
        """Give up a file that did not come to its end."""
        held = self._held.get(merchant)
        if held is not None:
            await self._end(held, merchant, ImportState.FAILED, why)

    async def confirm(self, merchant: MerchantId, import_id: UUID) -> None:
        """Let a file be imported that was tried; the process that holds it begins within a second.

        Raises:
            HTTPProblem: 409, it is not there to be imported (any more).
        """

        async def work(uow: UnitOfWork) -> bool:
            entry = await store.find(uow.db, merchant)
            if entry is None or entry.import_id != import_id:
                return False
            if entry.state in {ImportState.IMPORTING, ImportState.DONE}:  # the button was pressed twice
                return True
            if self._as_it_is(entry).state is not ImportState.TRIED:
                return False
            begun = moved(
                entry, state=ImportState.IMPORTING, is_trial=False, bytes_read=0, recorded=0, repeated=0, refused=0
            )
            await store.forget_refusals(uow.db, import_id)
            await store.put(uow.db, moved(begun, changed_at=uow.now))
            return True

        if not await self._units.run(work, WritePriority.INGEST):
            raise HTTPProblem(HTTPStatus.CONFLICT, "no_such_import", "this file is not held any more; upload it again")
        await self.look()

    async def stop(self, merchant: MerchantId, import_id: UUID) -> None:
        """Stop an import or discard a file; nothing happens if it is over."""

        async def work(uow: UnitOfWork) -> None:
            entry = await store.find(uow.db, merchant)
            is_it = entry is not None and entry.import_id == import_id
            if is_it and entry is not None and entry.state in HELD - {ImportState.RECEIVING}:
                await store.put(uow.db, moved(entry, state=ImportState.STOPPED, changed_at=uow.now))

        await self._units.run(work, WritePriority.INGEST)
        await self.look()

    async def look(self) -> float:
        """Do what was asked of the files that this process holds, say that it holds them, and return the pause."""
        for merchant, held in [*self._held.items()]:
            entry = await self._beat(merchant, held.import_id)
            if entry is None:
                self._let_go(merchant)
            elif entry.state is ImportState.IMPORTING and not held.is_importing:
                held.is_importing = True
                held.work = asyncio.create_task(self._run(held, merchant, is_trial=False), name="console:import")
        return _LOOK_SECONDS

    async def _beat(self, merchant: MerchantId, import_id: UUID) -> StoredImport | None:
        """Note that an import is held here, and return it; None if it is over."""

        async def work(uow: UnitOfWork) -> StoredImport | None:
            entry = await store.find(uow.db, merchant)
            if entry is None or entry.import_id != import_id or entry.state not in HELD or uow.now >= entry.ends_at:
                return None
            if entry.state is ImportState.TRIED and uow.now - entry.began_at > _TRIED_KEPT:
                why = "nobody said within an hour whether it is to be recorded; upload it again"
                await store.put(uow.db, moved(entry, state=ImportState.FAILED, problem=why, changed_at=uow.now))
                return None
            if uow.now - entry.changed_at > _BEAT:
                await store.put(uow.db, moved(entry, changed_at=uow.now))
            return entry

        return await self._units.run(work, WritePriority.BATCHES)

    async def close(self) -> None:
        """End what runs, as the process does."""
        for merchant, held in [*self._held.items()]:
            if held.work is not None:
                held.work.cancel()
                with suppress(asyncio.CancelledError):
                    await held.work
            self._let_go(merchant)

    def _as_it_is(self, entry: StoredImport) -> StoredImport:
        """Return an import; failed if its process has ended before it did."""
        here = self._held.get(entry.merchant_id)
        is_here = here is not None and here.import_id == entry.import_id
        if entry.state not in HELD or is_here or self._units.clock.now() - entry.changed_at <= SILENT_AFTER:
            return entry
        gone = "the process that held the file has ended; upload it again: nothing is recorded twice"
        return moved(entry, state=ImportState.FAILED, problem=gone)

    async def _run(self, held: _Held, merchant: MerchantId, *, is_trial: bool) -> None:
        """Read the file from its beginning to its end, batch by batch."""
        try:
            entry = await self._units.read(lambda db: store.find(db, merchant))
            if entry is None or entry.import_id != held.import_id:
                return
            state = ImportState.TRYING if is_trial else ImportState.IMPORTING
            defaults = {"scope": held.scope, "method": "import", "source": entry.file_name}
            source = ConsentFile(entry.file_name, held.file.opened, defaults)
            progress = _Progress(moved(entry, state=state, size=held.file.size), iter(()))
            progress.rows = source.lines(progress.note)
            await self._put(progress.entry)
            while batch := await in_worker_thread(lambda: _next_batch(progress.rows), SMALL_BYTES + 1):
                await self._take(held, progress, batch, is_trial=is_trial)
            ended = ImportState.TRIED if is_trial else ImportState.DONE
            await self._put(moved(progress.entry, state=ended, bytes_read=progress.entry.size))
            if not is_trial:
                self._let_go(merchant)
        except (_Refused, ConfigurationFault, HTTPProblem) as problem:
            await self._end(held, merchant, ImportState.FAILED, str(problem))
        except asyncio.CancelledError:
            raise
        except Exception as bug:  # noqa: BLE001 - the page must say that it ended
            log.error("import_failed", merchant_id=merchant, error=describe(bug))  # noqa: TRY400 - without its words
            await self._end(held, merchant, ImportState.FAILED, "an error in the console ended it; see its log")

    async def _take(self, held: _Held, progress: _Progress, batch: list[ConsentRow], *, is_trial: bool) -> None:
        """Hand one batch over and store what became of it."""
        await self._require_uploader(held, progress.entry)
        readable = [each for each in batch if each.row is not None]
        refused = [Refusal(each.number, "unreadable", each.trouble) for each in batch if each.row is None]
        answer: Mapping[str, Any] = {"recorded": 0, "repeated": 0, "refused": []}
        if readable:
            answer = await self._ask(held, {"rows": [each.row for each in readable], "dry_run": is_trial})
        refused += [Refusal(readable[each["row"]].number, each["reason"], each["detail"]) for each in answer["refused"]]
        refused.sort(key=lambda each: each.line)
        entry = progress.entry
        further = moved(
            entry,
            bytes_read=progress.read,
            recorded=entry.recorded + answer["recorded"],
            repeated=entry.repeated + answer["repeated"],
            refused=entry.refused + len(refused),
        )
        if not await self._put(further, refused=refused):
            raise asyncio.CancelledError  # somebody stopped it in another process
        progress.entry = moved(further, changed_at=self._units.clock.now())

    async def _require_uploader(self, held: _Held, entry: StoredImport) -> None:
        """Check that the user who uploaded a file still is one: nothing goes on in the name of somebody removed.

        Raises:
            _Refused: they are none.
        """
        if held.person.role is None:  # an API key
            return
        name = held.person.name.removeprefix("user:")
        user = await self._units.read(lambda db: user_store.find(db, name))
        is_same = user is not None and user.made_at <= entry.began_at
        if user is None or not is_same or (user.merchant_id, user.role) != (entry.merchant_id, held.person.role):
            raise _Refused(f"{name} uploaded it and is no user any more; somebody else may upload the file again")

    async def _ask(self, held: _Held, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what compliance answers, asked again while it is full or away."""
        for pause in (*_PAUSES_SECONDS, None):
            why = "compliance does not answer"
            with suppress(HTTPProblem):
                answer = await self._calls.post(held.person, "compliance", _PATH, body)
                if answer.is_success:
                    return answer.body
                why = answer.problem
                if answer.status not in _FULL:
                    raise _Refused(why)
            if pause is None:
                raise _Refused(f"{why}; what was recorded stays, upload the file again later for the rest")
            await asyncio.sleep(pause)
        raise AssertionError("unreachable")  # the loop ends by one of its two ways

    async def _put(self, entry: StoredImport, *, refused: Sequence[Refusal] = ()) -> bool:
        """Store how far an import is, unless it is another one by now or was stopped; return whether it was stored."""

        async def work(uow: UnitOfWork) -> bool:
            there = await store.find(uow.db, entry.merchant_id)
            if there is None or there.import_id != entry.import_id or there.state is ImportState.STOPPED:
                return False
            if refused:
                await store.refuse(uow.db, moved(entry, refused=entry.refused - len(refused)), refused)
            await store.put(uow.db, moved(entry, changed_at=uow.now))
            return True

        return await self._units.run(work, WritePriority.BATCHES)

    async def _end(self, held: _Held, merchant: MerchantId, state: ImportState, why: str) -> None:
        entry = await self._units.read(lambda db: store.find(db, merchant))
        if entry is not None and entry.import_id == held.import_id:
            await self._put(moved(entry, state=state, problem=why))
        if self._held.get(merchant) is held:
            held.file.close()
            del self._held[merchant]

    def _let_go(self, merchant: MerchantId) -> None:
        held = self._held.pop(merchant, None)
        if held is not None:
            if held.work is not None and held.work is not asyncio.current_task():
                held.work.cancel()
            held.file.close()


def _next_batch(rows: Iterator[ConsentRow]) -> list[ConsentRow]:
    """Return the next rows: not too many, and not too large together."""
    batch: list[ConsentRow] = []
    characters = 0
    for row in islice(rows, _ROWS_AT_ONCE):
        batch.append(row)
        characters += sum(len(str(value)) for value in (row.row or {}).values())
        if characters >= _CHARACTERS_AT_ONCE:
            break
    return batch
