"""Rows of an import: read one by one, so that a bad row costs only itself. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from pydantic import ValidationError

from services.compliance.consent_desk import ConsentBody
from shared.events.consent import ConsentAct, ConsentLevel

IMPORTED: Final = frozenset({ConsentAct.IMPORTED, ConsentAct.REVOKED, ConsentAct.EXPIRED})
"""What a file may tell; whatever it calls a grant is an import, which counts less than a grant we saw ourselves."""
_GRANTS: Final = frozenset({ConsentAct.GRANTED, ConsentAct.CONFIRMED})


class Refusal(StrEnum):
    """Why a row did not enter the ledger."""

    INVALID = "invalid"
    NO_EVIDENCE = "no_evidence"
    NOT_IMPORTABLE = "not_importable"
    UNUSABLE_NUMBER = "unusable_number"
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that is not taken, and what to do about it; repeats no value of the row."""

    reason: Refusal
    detail: str


def read(row: Mapping[str, Any]) -> ConsentBody | Refused:
    """Return what a row claims.

    A permission needs the proof that makes it one: when it was given, how strong it is, and the wording shown or
    other evidence. An opt-out needs none.

    Source: compliance section 3, an import without evidence cannot receive marketing.
    """
    try:
        body = ConsentBody.model_validate({"event": "imported", **row})
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        return Refused(Refusal.INVALID, f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
    if body.event in _GRANTS:
        body = body.model_copy(update={"event": ConsentAct.IMPORTED})
    if body.event not in IMPORTED:
        return Refused(Refusal.NOT_IMPORTABLE, f"a file cannot tell that consent is {body.event}")
    lacking = None if body.event is not ConsentAct.IMPORTED else _lacking(body)
    return Refused(Refusal.NO_EVIDENCE, lacking) if lacking else body


def _lacking(body: ConsentBody) -> str | None:
    """Return what is missing before a permission can be proven."""
    if body.captured_at is None:
        return "captured_at is missing: when the person agreed"
    if body.level is ConsentLevel.UNKNOWN:
        return "level is missing: pewc, express, implied, soft_opt_in or contract"
    if not body.disclosure and not body.evidence:
        return "disclosure and evidence are missing: the wording shown, or other proof"
    return None
