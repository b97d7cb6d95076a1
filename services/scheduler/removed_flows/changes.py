"""What changed in the merchant files since they were last compared with the database (pure).

A flow counts as removed when every process has missed it for a minute: a process that still has it, because it reads
another copy of the files, notes so, and the minute begins again. A file that does not parse removes nothing, since the
last good version stays in force.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple, Self
from uuid import UUID

from shared.ids import MerchantId

WHOLE_FOLDER: Final = "*"
"""The `flow` that stands for the merchant as a whole; no flow may be called so."""
REMOVED_AFTER: Final = timedelta(seconds=60)
"""How long a flow must have been missing before it counts as removed (flows section 4)."""


class FlowKey(NamedTuple):
    """A flow of a merchant, or the merchant as a whole."""

    merchant_id: MerchantId
    flow: str

    @classmethod
    def whole(cls, merchant: MerchantId) -> Self:
        """Return the key of a merchant as a whole."""
        return cls(merchant, WHOLE_FOLDER)

    @property
    def is_whole(self) -> bool:
        """Whether it is the merchant as a whole."""
        return self.flow == WHOLE_FOLDER


@dataclass(frozen=True, slots=True)
class KnownFlow:
    """What is stored of a flow that was once in the files."""

    key: FlowKey
    version: str
    """Empty where no process has seen it yet."""
    missing_since: datetime | None = None
    control_id: UUID | None = None
    """The pause that answers its removal."""
    is_paused: bool = False
    """That pause is in force, and nobody but the scheduler made it."""


class ChangeKind(StrEnum):
    """What happened to a flow in the files."""

    ADDED = "added"
    CHANGED = "changed"
    """Runs that began before keep the version they began with."""
    MISSING = "missing"
    """It is in no file here, which may be a copy that is under way."""
    REMOVED = "removed"
    """It has been missing for a minute, and texts of it are planned: they are paused."""
    EMPTIED = "emptied"
    """No text of a removed flow is planned any more: its pause has nothing to do."""
    BACK = "back"
    """What was missing is in the files: if it was paused for that, its texts go on."""


class FileChange(NamedTuple):
    """One change."""

    kind: ChangeKind
    key: FlowKey
    version: str
    texts: int
    """Planned and not ended."""


def changes_of(
    files: Mapping[FlowKey, str],
    before: Mapping[FlowKey, str],
    known: Iterable[KnownFlow],
    texts: Mapping[FlowKey, int],
    now: datetime,
) -> list[FileChange]:
    """Return what is to be stored, said and done, by merchant and flow.

    Args:
        files: the versions in the files in force here, with each merchant as a whole.
        before: the same when this process last compared them; empty at first. What another process has in another
            version is its own to say.
        known: every flow that is stored.
        texts: how many texts are planned, at least of what is missing and what changed.
        now: the instant of the comparison.
    """
    stored = {flow.key: flow for flow in known}
    found = []
    for key in sorted(files.keys() | stored.keys()):
        version, flow = files.get(key), stored.get(key)
        kind = _kind(
            version, before.get(key), flow, texts.get(key, 0), now, has_folder=FlowKey.whole(key.merchant_id) in files
        )
        if kind is not None:
            known_version = flow.version if flow else ""
            found.append(FileChange(kind, key, known_version if version is None else version, texts.get(key, 0)))
    return found


def missing_among(files: Mapping[FlowKey, str], stored: Iterable[FlowKey]) -> set[FlowKey]:
    """Return what is stored and in no file here."""
    return {key for key in stored if key not in files}


def _kind(
    version: str | None, before: str | None, flow: KnownFlow | None, texts: int, now: datetime, *, has_folder: bool
) -> ChangeKind | None:
    if flow is None:
        return ChangeKind.ADDED
    if version is not None:
        if flow.missing_since is not None:
            return ChangeKind.BACK
        if version in {flow.version, before}:
            return None
        return ChangeKind.CHANGED if flow.version else ChangeKind.ADDED
    if not has_folder and not flow.key.is_whole:
        return None  # the merchant as a whole is missing, which is answered once
    if flow.missing_since is None:
        return ChangeKind.MISSING
    if flow.is_paused:
        return None if texts else ChangeKind.EMPTIED
    is_due = now - flow.missing_since >= REMOVED_AFTER
    return ChangeKind.REMOVED if is_due and texts and flow.control_id is None else None
