"""What all claims about a person add up to, whatever order they arrived in.

Claims are read in the order of their own time, not of their arrival. An older or undated grant never overturns a newer
opt-out; pending is never consent; START restores what STOP took and creates nothing (compliance section 3). A STOP by
the person is lifted only by the person: permissions that others report meanwhile are kept, and lift nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, assert_never

from pydantic import TypeAdapter

from services.compliance.gate.inputs import Consent
from services.compliance.ledger.entries import LedgerEntry
from shared.events.consent import ConsentAct, ConsentLevel, ConsentScope, SuppressionCause
from shared.events.follow_up import Purpose
from shared.rules.table import ConsentStatus

_STRENGTH = (
    ConsentLevel.PEWC,
    ConsentLevel.EXPRESS,
    ConsentLevel.SOFT_OPT_IN,
    ConsentLevel.IMPLIED,
    ConsentLevel.CONTRACT,
    ConsentLevel.UNKNOWN,
)
_GRAVITY = (
    SuppressionCause.ERASED,
    SuppressionCause.WRONG_PERSON,
    SuppressionCause.REASSIGNED,
    SuppressionCause.COMPLAINT,
    SuppressionCause.INVALID,
)
_EXPRESSED = frozenset({ConsentLevel.PEWC, ConsentLevel.EXPRESS})
"""Levels the person expressed; nothing weaker overturns their opt-out (47 CFR 64.1200(a)(10))."""
_STATUSES = {level: ConsentStatus(level.value) for level in ConsentLevel}
_NEVER = datetime.max.replace(tzinfo=UTC)
_DAWN = datetime.min.replace(tzinfo=UTC)
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Grant:
    """One permission in force."""

    level: ConsentLevel
    captured_at: datetime | None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ScopeStanding:
    """What is in force for one scope; `grants` strongest first, at most one of each level."""

    grants: tuple[Grant, ...] = ()
    revoked_at: datetime | None = None
    """The newest revocation, while the scope is revoked."""
    pending: bool = False
    ended: bool = False
    """A consent was declared expired and nothing has followed."""
    revoked_since: datetime | None = None
    """The revocation that ended the consent; later ones change `revoked_at` only."""
    is_stopped: bool = False
    """The person revoked it themselves, and has not lifted that."""

    def consent(self, now: datetime) -> Consent:
        """Return the strongest permission that is valid at `now`, or why there is none."""
        if self.revoked_at is not None:
            return Consent(ConsentStatus.REVOKED, revoked_at=self.revoked_at, revoked_since=self.revoked_since)
        known = [grant for grant in self.grants if grant.level is not ConsentLevel.UNKNOWN]
        valid = [grant for grant in known if grant.expires_at is None or grant.expires_at > now]
        if valid:
            return Consent(_STATUSES[valid[0].level], valid[0].captured_at, valid[0].expires_at)
        if self.pending:
            return Consent(ConsentStatus.PENDING)
        if known:
            return Consent(ConsentStatus.EXPIRED, known[0].captured_at, known[0].expires_at)
        if self.ended:
            return Consent(ConsentStatus.EXPIRED)
        return Consent(ConsentStatus.UNKNOWN if self.grants else ConsentStatus.NONE)


@dataclass(frozen=True, slots=True)
class Standing:
    """What the ledger holds about one person."""

    marketing: ScopeStanding = ScopeStanding()
    informational: ScopeStanding = ScopeStanding()
    suppression: SuppressionCause | None = None
    """`opt_out` when both scopes are revoked; a more serious cause is never lifted by a claim."""
    keyword_seq: int = 0
    """The highest keyword number applied."""
    epoch: int = 0
    """How many entries were folded."""

    def consent_for(self, purpose: Purpose, now: datetime) -> Consent:
        """Return what the gate must know for one purpose.

        A valid marketing consent also covers service texts when there is no claim about those: the person agreed to
        more than that. It never covers an opt-out of service texts. For the confirmation of an opt-out the newest
        revocation of any scope counts, and the earliest of the revocations in force.
        """
        marketing = self.marketing.consent(now)
        if purpose is Purpose.MARKETING:
            return marketing
        informational = self.informational.consent(now)
        if purpose is Purpose.OPT_OUT_CONFIRMATION:
            return _opted_out(informational, marketing)
        silent = not self.informational.grants and not self.informational.pending and not self.informational.ended
        bridged = self.informational.revoked_at is None and silent and marketing.status in PERMISSIONS
        return marketing if bridged else informational


_NO_CLAIMS = ScopeStanding()
"""The standing of a scope without any claim."""
_STORED: TypeAdapter[Standing] = TypeAdapter(Standing)


def standing_as_bytes(standing: Standing) -> bytes:
    """Return a standing as JSON text (UTF-8), without loss."""
    return _STORED.dump_json(standing)


def standing_of(stored: bytes | str) -> Standing:
    """Return the standing that was stored.

    Raises:
        pydantic.ValidationError: the bytes are no such standing.
    """
    return _STORED.validate_json(stored)


def _opted_out(*scopes: Consent) -> Consent:
    """Return the opt-out a confirmation answers; if nothing is revoked, the consent of the first scope."""
    newest = max(scopes, key=lambda consent: consent.revoked_at or _DAWN)
    since = [at for consent in scopes if (at := consent.revoked_since or consent.revoked_at) is not None]
    return replace(newest, revoked_since=min(since, default=None))


PERMISSIONS = frozenset(_STATUSES.values()) - {ConsentStatus.UNKNOWN}
"""The states in which there is a consent."""


def fold(entries: Iterable[LedgerEntry]) -> Standing:
    """Return the standing that follows from the entries; their order does not matter, a repeat counts once."""
    unique = {entry.entry_id: entry for entry in entries}
    ordered = _in_source_order(list(unique.values()))
    marketing = _fold_scope([claim for claim in ordered if claim.entry.scope is not ConsentScope.INFORMATIONAL])
    informational = _fold_scope([claim for claim in ordered if claim.entry.scope is not ConsentScope.MARKETING])
    return Standing(
        marketing=marketing,
        informational=informational,
        suppression=_suppression(ordered, marketing, informational),
        keyword_seq=max((entry.keyword_seq or 0 for entry in unique.values()), default=0),
        epoch=len(unique),
    )


class _Claim(NamedTuple):
    """An entry with the time it counts from; None: undated."""

    entry: LedgerEntry
    at: datetime | None


def _in_source_order(entries: Sequence[LedgerEntry]) -> list[_Claim]:
    """Return claims by their own time; on a tie, those that end consent come last.

    Keywords are ordered by their number, counted per person: one with a higher number is never earlier. An undated
    claim is placed when it was recorded; a revocation counts from then, a grant stays undated.
    """
    claims: list[_Claim] = []
    latest = _DAWN
    for entry in sorted(entries, key=lambda entry: entry.keyword_seq or 0):
        at = entry.effective_at
        if at is None and entry.act is ConsentAct.REVOKED:
            at = entry.recorded_at
        if entry.keyword_seq is not None:
            latest = at = max(at or entry.recorded_at, latest + _TICK)
        claims.append(_Claim(entry, at))
    return sorted(claims, key=_rank) if len(claims) > 1 else claims


def _rank(claim: _Claim) -> tuple[datetime, int, int, datetime, str]:
    taking = {ConsentAct.EXPIRED: 1, ConsentAct.REVOKED: 2}.get(claim.entry.act, 0)
    weakest_first = -_STRENGTH.index(claim.entry.level)
    moment = claim.at or claim.entry.recorded_at
    return moment, taking, weakest_first, claim.entry.expires_at or _NEVER, str(claim.entry.entry_id)


@dataclass(slots=True)
class _Scope:
    """One scope while its claims are read, oldest first."""

    grants: dict[ConsentLevel, Grant] = field(default_factory=dict)
    revoked_at: datetime | None = None
    revoked_since: datetime | None = None
    pending: ConsentLevel | None = None
    ended: bool = False
    is_stopped: bool = False
    reported: dict[ConsentLevel, Grant] = field(default_factory=dict)
    """Permissions that others reported since the person's STOP; they count once the person lifts it."""

    def apply(self, claim: _Claim) -> None:
        """Take one claim into account."""
        entry = claim.entry
        match entry.act:
            case ConsentAct.GRANTED | ConsentAct.IMPORTED:
                self._grant(claim, _evident_level(entry))
            case ConsentAct.CONFIRMED:
                asked = self.pending if entry.level is ConsentLevel.UNKNOWN else None
                self._grant(claim, entry.level if asked is None else asked)
            case ConsentAct.PENDING:
                self.pending = entry.level
            case ConsentAct.REVOKED:
                self.revoked_at, self.revoked_since = claim.at, self.revoked_since or claim.at
                self.pending = None
                self.is_stopped = self.is_stopped or entry.is_by_the_person
            case ConsentAct.RESTORED:
                self._restore(claim)
            case ConsentAct.EXPIRED:
                self.ended = bool(self.grants) or self.pending is not None or self.ended
                self.grants, self.reported, self.pending = {}, {}, None
            case _:
                assert_never(entry.act)

    def _restore(self, claim: _Claim) -> None:
        """Lift a revocation; the person's own only if the person lifts it."""
        if claim.at is None or (self.is_stopped and not claim.entry.is_by_the_person):
            return
        self.revoked_at = self.revoked_since = None
        self.is_stopped = False
        self.ended = self.ended and not self.reported
        self.grants, self.reported = self.grants | self.reported, {}

    def _grant(self, claim: _Claim, level: ConsentLevel) -> None:
        """Add a permission; after a revocation only a dated and expressed one counts, and it replaces all earlier ones.

        A purchase or a soft opt-in does not lift a STOP: a person who opted out and buys again stays opted out.
        """
        if self.revoked_at is not None:
            if claim.at is None or level not in _EXPRESSED:
                return
            if self.is_stopped and not claim.entry.is_by_the_person:
                self.reported[level] = Grant(level, claim.at, claim.entry.expires_at)
                return
            self.is_stopped, self.reported = False, {}
            self.grants, self.revoked_at, self.revoked_since = {}, None, None
        self.grants[level] = Grant(level, claim.at, claim.entry.expires_at)
        self.pending, self.ended = None, False


def _fold_scope(claims: Sequence[_Claim]) -> ScopeStanding:
    if not claims:
        return _NO_CLAIMS
    scope = _Scope()
    for claim in claims:
        scope.apply(claim)
    return ScopeStanding(
        grants=tuple(sorted(scope.grants.values(), key=lambda grant: _STRENGTH.index(grant.level))),
        revoked_at=scope.revoked_at,
        pending=scope.pending is not None,
        ended=scope.ended,
        revoked_since=scope.revoked_since,
        is_stopped=scope.is_stopped,
    )


def _evident_level(entry: LedgerEntry) -> ConsentLevel:
    """Return the claimed level; UNKNOWN for an import without a date, or without disclosure and evidence."""
    bare = entry.captured_at is None or (entry.disclosure_sha256 is None and entry.evidence_sha256 is None)
    return ConsentLevel.UNKNOWN if entry.act is ConsentAct.IMPORTED and bare else entry.level


def _suppression(
    claims: Iterable[_Claim], marketing: ScopeStanding, informational: ScopeStanding
) -> SuppressionCause | None:
    causes = {claim.entry.cause for claim in claims}
    grave = next((cause for cause in _GRAVITY if cause in causes), None)
    if grave is not None:
        return grave
    both = marketing.revoked_at is not None and informational.revoked_at is not None
    return SuppressionCause.OPT_OUT if both else None
