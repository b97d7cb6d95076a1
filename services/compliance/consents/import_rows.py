"""Rows of an import: read one by one, so that a bad row costs only itself. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import orjson
from pydantic import ValidationError

from services.compliance.consents.bodies import MOST_EVIDENCE_BYTES, ConsentBody
from shared.events.consent import ConsentAct, ConsentLevel, ConsentScope

IMPORTED: Final = frozenset({ConsentAct.IMPORTED, ConsentAct.REVOKED, ConsentAct.EXPIRED})
"""What a file may contain; a grant in it becomes an import, which counts less than a grant we recorded ourselves."""
_GRANTS: Final = frozenset({ConsentAct.GRANTED, ConsentAct.CONFIRMED})


_ACTS: Final = {
    **dict.fromkeys(
        (
            "unsubscribed", "unsubscribe", "opted_out", "opt_out", "optout", "stop", "stopped", "revoke", "withdrawn",
            "cancelled", "canceled", "redacted", "suppressed", "blocked", "no", "false", "0", "n",
        ),
        "revoked",
    ),
    **dict.fromkeys(("subscribed", "opted_in", "opt_in", "optin", "yes", "true", "1", "y"), "imported"),
}  # fmt: skip
"""What other programs call these acts, in lower case with underscores."""
_FLOAT: Final = re.compile(r"\+?[0-9]{7,15}\.0+")
"""A phone number that a spreadsheet turned into a decimal."""


class RowRefusal(StrEnum):
    """Why a row did not enter the ledger."""

    INVALID = "invalid"
    NO_EVIDENCE = "no_evidence"
    NOT_IMPORTABLE = "not_importable"
    UNUSABLE_NUMBER = "unusable_number"
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that is refused, and how to fix it; repeats no value of the row."""

    reason: RowRefusal
    detail: str


def read(row: Mapping[str, Any]) -> ConsentBody | RefusedRow:
    """Return what a row claims.

    A permission needs the proof that makes it one: when it was given, how strong it is, and the wording shown or
    other evidence. An opt-out needs none.

    Source: compliance section 3, an import without evidence cannot receive marketing.
    """
    row = _as_meant({"event": "imported", **row})
    if row["event"] == ConsentAct.REVOKED:
        row = _withdrawal(row)
    try:
        body = ConsentBody.model_validate(row)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        return RefusedRow(RowRefusal.INVALID, f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
    if body.event in _GRANTS:
        body = body.model_copy(update={"event": ConsentAct.IMPORTED})
    if body.event not in IMPORTED:
        return RefusedRow(RowRefusal.NOT_IMPORTABLE, f"an import cannot record the event {body.event}")
    lacking = None if body.event is not ConsentAct.IMPORTED else _lacking(body)
    return RefusedRow(RowRefusal.NO_EVIDENCE, lacking) if lacking else body


def _as_meant(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with the words of other programs replaced by ours; unknown words stay as they are."""
    meant = dict(row)
    for name in ("event", "scope", "level"):
        word = meant.get(name)
        if isinstance(word, str):
            plain = "_".join(word.casefold().replace("-", " ").replace("_", " ").split())
            meant[name] = _ACTS.get(plain, plain) if name == "event" else plain
    if isinstance(number := meant.get("to"), str) and _FLOAT.fullmatch(number.strip()):
        meant["to"] = number.strip().partition(".")[0]
    return meant


def _withdrawal(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a withdrawal that only an unusable number can still refuse.

    An unknown scope becomes all scopes, an unreadable date becomes none, and other columns are shortened or left out.
    """
    kept: dict[str, Any] = {name: row[name] for name in ("to", "event", "captured_at") if name in row}
    kept["scope"] = row.get("scope") if row.get("scope") in tuple(ConsentScope) else ConsentScope.ALL
    for name, longest in (("method", 60), ("source", 500), ("disclosure", 10_000), ("ip", 60), ("user_agent", 1000)):
        if isinstance(row.get(name), str) and row[name]:
            kept[name] = row[name][:longest]
    try:
        if isinstance(proof := row.get("evidence"), dict) and len(orjson.dumps(proof)) < MOST_EVIDENCE_BYTES:
            kept["evidence"] = proof
    except orjson.JSONEncodeError:
        pass
    return kept


def _lacking(body: ConsentBody) -> str | None:
    """Return what is missing before a permission can be proven."""
    if body.captured_at is None:
        return "captured_at is missing: when the person agreed"
    if body.level is ConsentLevel.UNKNOWN:
        return "level is missing: pewc, express, implied, soft_opt_in or contract"
    if not body.disclosure and not body.evidence:
        return "disclosure and evidence are missing: the wording shown, or other proof"
    return None
