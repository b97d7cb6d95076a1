"""Who did what: an entry of an audit log, and the bytes of it that are hashed (pure).

An entry holds ids, names of fields, keyed hashes and counts, never a value about a person. The reason that somebody
gave is kept sealed beside it, and the entry holds only the hash of the sealed bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from shared.chain import canonical_json
from shared.http.networks import address_of
from shared.ids import MerchantId, RecipientId
from shared.unix_time import microseconds


class AuditAction(StrEnum):
    """Everything that is entered into audit logs."""

    CONTROL_PAUSED = "control.paused"
    CONTROL_STOPPED = "control.stopped"
    CONTROL_LIFTED = "control.lifted"
    APPROVAL_ASKED = "approval.asked"
    """Somebody wants to do what takes a second person."""
    APPROVAL_GIVEN = "approval.given"
    """The second person said yes, and it was done."""
    APPROVAL_REFUSED = "approval.refused"
    """The second person said no, or who asked took it back."""
    FOLLOW_UP_CANCELLED = "follow-up.cancelled"
    RECIPIENT_LOOKED_UP = "recipient.looked-up"
    """Somebody asked who the person at a number is."""
    RECIPIENT_REVEALED = "recipient.revealed"
    """A person's number and name were shown in clear."""
    TEXT_REVEALED = "text.revealed"
    """The words of one text were shown in clear."""
    FLOW_SAVED = "flow.saved"
    FLOW_DELETED = "flow.deleted"
    HOLD_RELEASED = "hold.released"
    CONSENT_RECORDED = "consent.recorded"
    CONSENT_REVOKED = "consent.revoked"
    CONSENTS_IMPORTED = "consents.imported"
    PREFERENCE_LINKS_REVOKED = "preference-links.revoked"
    ERASURE_ASKED = "erasure.asked"
    EXPORT_ASKED = "export.asked"
    EXPORT_READ = "export.read"
    """The copy of what is held about a person was handed out."""
    REPLY_ASSIGNED = "reply.assigned"
    REPLY_DISMISSED = "reply.dismissed"
    REPLY_REVIEWED = "reply.reviewed"
    CONVERSATION_ASSIGNED = "conversation.assigned"
    CONVERSATION_CLOSED = "conversation.closed"
    CONVERSATIONS_REVEALED = "conversations.revealed"
    """Texts or numbers of the inbox were shown in clear."""
    ANSWER_SAVED = "answer.saved"
    """An answer is kept for questions that come again."""
    ANSWER_REMOVED = "answer.removed"
    UNKNOWN_RESOLVED = "unknown.resolved"
    """Somebody said whether a text without an answer was sent."""
    UNKNOWNS_REVEALED = "unknowns.revealed"
    """The numbers of texts without an answer were shown in clear."""
    DELIVERY_REDRIVEN = "delivery.redriven"
    """A delivery in quarantine was read again, and this time could be."""
    DELIVERY_DISCARDED = "delivery.discarded"
    EVENT_REDRIVEN = "event.redriven"
    """A parked event was handled."""
    EVENT_DISCARDED = "event.discarded"
    NOTIFICATION_REDRIVEN = "notification.redriven"
    """A notification that was given up is sent again."""
    NOTIFICATION_DISCARDED = "notification.discarded"
    ENDPOINT_TESTED = "endpoint.tested"
    REPLIES_REVEALED = "replies.revealed"
    """The texts and numbers of unassigned replies were shown."""
    USER_ADDED = "user.added"
    USER_REMOVED = "user.removed"
    USER_RESET = "user.reset"
    """The operator set another password."""
    INVITATION_MADE = "invitation.made"
    INVITATION_WITHDRAWN = "invitation.withdrawn"
    INVITATION_USED = "invitation.used"
    """By the user whom it made."""
    IDENTITY_BOUND = "identity.bound"
    """A new user signs in at the identity provider."""
    PASSWORD_CHANGED = "password.changed"  # noqa: S105 - the name of an action
    """Somebody changed their own."""
    SIGNED_IN = "session.opened"
    SIGNED_OUT = "session.ended"
    SESSIONS_ENDED = "sessions.ended"
    """Somebody ended sessions of theirs from another."""
    SIGN_IN_FAILED = "sign-in.failed"
    """A wrong password or code for a user: the 1st, 10th, 100th … of a UTC day, with how many it were."""
    SECOND_FACTOR_ADDED = "second-factor.added"
    SECOND_FACTOR_REMOVED = "second-factor.removed"
    RECOVERY_CODES_RENEWED = "recovery-codes.renewed"
    SECOND_FACTOR_REQUIRED = "second-factor.required"
    """An owner asks everybody of the shop for one."""
    SECOND_FACTOR_OPTIONAL = "second-factor.optional"


class AuditSubjectKind(StrEnum):
    """What an action can be on."""

    CONTROL = "control"
    APPROVAL = "approval"
    """What takes a second person's yes."""
    FOLLOW_UP = "follow_up"
    FLOW = "flow"
    CONSENT = "consent"
    RECIPIENT = "recipient"
    REQUEST = "request"
    REPLY = "reply"
    SAVED_ANSWER = "saved_answer"
    DELIVERY = "delivery"
    EVENT = "event"
    MERCHANT = "merchant"
    NOTIFICATION = "notification"
    """A notification for one endpoint."""
    ENDPOINT = "endpoint"
    USER = "user"
    """A user of the console."""
    INVITATION = "invitation"
    API_KEY = "api_key"


class ActorKind(StrEnum):
    """In what capacity somebody acted."""

    API_KEY = "api_key"
    USER = "user"
    """A user of the console."""
    OPERATOR = "operator"
    """Whoever holds the operator's token: the commands on the machine do."""
    STRANGER = "stranger"
    """Somebody who did not prove who they are."""


class AddressClass(StrEnum):
    """Where a request came from. The address itself is personal, and is not kept."""

    THIS_MACHINE = "this_machine"
    PRIVATE = "private"
    PUBLIC = "public"
    NONE = "none"
    """No address is known."""

    @classmethod
    def of(cls, host: str) -> "AddressClass":
        """Return the class of a client's address."""
        address = address_of(host)
        if address is None:
            return cls.NONE
        if address.is_loopback:
            return cls.THIS_MACHINE
        return cls.PUBLIC if address.is_global else cls.PRIVATE


class Actor(NamedTuple):
    """Who acts, and from where."""

    kind: ActorKind
    id: str
    """The id of the API key, the user's name, or `operator`; empty for a stranger."""
    origin: AddressClass

    @classmethod
    def named(cls, name: str, origin: AddressClass) -> "Actor":
        """Return a user of the console (`user:anna`) or an API key by its id, which has no colon."""
        kind, colon, user = name.partition(":")
        is_user = bool(colon) and kind == "user"
        return cls(ActorKind.USER, user, origin) if is_user else cls(ActorKind.API_KEY, name, origin)


class AuditSubject(NamedTuple):
    """What an action is on."""

    kind: AuditSubjectKind
    id: str


class Deed(NamedTuple):
    """One action of somebody, before it is entered."""

    merchant_id: MerchantId
    action: AuditAction
    subject: AuditSubject
    recipient_id: RecipientId | None = None
    """The person it is about, if it is about one."""
    fields: tuple[str, ...] = ()
    """The names of what was given, without the values."""
    counts: Mapping[str, int] = {}
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One action as it is kept."""

    id: UUID
    """Rises with time."""
    service: str
    merchant_id: MerchantId
    at: datetime
    actor: Actor
    action: AuditAction
    subject: AuditSubject
    recipient_id: RecipientId | None = None
    fields: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    reason_sha256: str | None = None
    """Of the sealed bytes, never of the plain ones, which could be guessed after they were erased."""

    @property
    def day(self) -> str:
        """The UTC day whose chain it is in."""
        return self.at.date().isoformat()

    def canonical(self) -> bytes:
        """Return the bytes that are hashed (RFC 8785); the same entry always gives the same bytes."""
        return canonical_json(
            {
                "action": self.action.value,
                "actor": self.actor.id,
                "actor_kind": self.actor.kind.value,
                "at": microseconds(self.at),
                "counts": dict(self.counts),
                "day": self.day,
                "fields": sorted(self.fields),
                "id": str(self.id),
                "merchant": self.merchant_id,
                "origin": self.actor.origin.value,
                "reason_sha256": self.reason_sha256,
                "recipient": None if self.recipient_id is None else str(self.recipient_id),
                "service": self.service,
                "subject": self.subject.id,
                "subject_kind": self.subject.kind.value,
            }
        )
