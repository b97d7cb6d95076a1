"""Facts about one text, made the way the services make them: derived ids, so that a repeat is the same fact."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from shared.events.consent import ConsentAct, ConsentChanged, ConsentScope, ScopeSnapshot
from shared.events.dispatch import (
    DispatchAccepted,
    DispatchDelivered,
    DispatchFailed,
    DispatchUnknown,
    DispatchWaiting,
    ErrorClass,
)
from shared.events.engagement import (
    AttributionModel,
    ClickRecorded,
    ConversionAdjusted,
    ConversionAttributed,
    ReplyClass,
    ReplyReceived,
)
from shared.events.envelope import Event
from shared.events.follow_up import (
    Content,
    FollowUpBlocked,
    FollowUpCancelled,
    FollowUpCleared,
    FollowUpDeferred,
    FollowUpDue,
    FollowUpExpired,
    FollowUpLapsed,
    FollowUpPlanned,
    Purpose,
)
from shared.events.trigger import TriggerKind, TriggerReceived
from shared.http.auth import key_sha256
from shared.ids import AttemptId, EnrollmentId, EventId, FollowUpId, MerchantId, RecipientId, derived
from shared.testing.clock import START

EventT = TypeVar("EventT", bound=Event)

MERCHANT = MerchantId("acme")
READ_KEY = "fu_metrics-reader"
OTHER_KEY = "fu_metrics-reader-of-another-shop"
NO_SCOPE_KEY = "fu_key-without-the-scope"
NUMBER = "+12025550100"
SEALED = b"sealed by somebody else"


def merchants_folder(folder: Path) -> Path:
    """Write two shops into `folder` whose keys are the constants above, and return it."""
    for merchant, key, number in (("acme", READ_KEY, NUMBER), ("bolt", OTHER_KEY, "+12025550101")):
        (folder / merchant).mkdir(parents=True)
        (folder / merchant / "merchant.yaml").write_text(
            f"merchant: {merchant}\n"
            f"brand: {merchant.capitalize()} Coffee\n"
            "country: US\n"
            "time_zone: America/New_York\n"
            "contact: https://shop.example/help\n"
            "providers:\n  main: {kind: simulated}\n"
            f'numbers:\n  - {{number: "{number}", provider: main, kind: long_code, registration: registered}}\n'
            "api_keys:\n"
            f"  - {{id: reader, sha256: {key_sha256(key)}, scopes: ['metrics:read']}}\n"
            f"  - {{id: other, sha256: {key_sha256(NO_SCOPE_KEY + merchant)}, scopes: ['events:write']}}\n",
            encoding="utf-8",
        )
    return folder


@dataclass(frozen=True)
class TextFacts:
    """One follow-up to one person, and every fact there can be about it."""

    ordinal: int = 1
    at: datetime = START
    """When the shop's event happened."""
    merchant_id: MerchantId = MERCHANT
    person: int = 0
    """0: a person of its own."""
    flow: str = "order-thank-you"
    flow_version: str = "5f1c2a9be0d4"
    step: str = "thanks"
    purpose: Purpose = Purpose.TRANSACTIONAL
    segment: str | None = None
    provider: str = "twilio"
    number: str = NUMBER

    @property
    def recipient_id(self) -> RecipientId:
        """The person."""
        return RecipientId(derived("person", self.merchant_id, self.person or f"of {self.ordinal}", at=START))

    @property
    def follow_up_id(self) -> FollowUpId:
        """The follow-up."""
        return FollowUpId(derived("follow-up", self.merchant_id, self.ordinal, at=self.at))

    @property
    def trigger_id(self) -> EventId:
        """The purchase that led to it."""
        return EventId(derived("trigger.received", self.merchant_id, self.ordinal, at=self.at))

    def purchase(self, *, at: datetime | None = None, minor: int = 4900, test: bool = False) -> TriggerReceived:
        """A purchase."""
        return TriggerReceived(
            **self._person(self.trigger_id, at or self.at),
            kind=TriggerKind.PURCHASE,
            source="shopify",
            subject=f"order-{1000 + self.ordinal}",
            customer=f"customer-{self.ordinal}",
            amount_minor=minor,
            currency="USD",
            test=test,
            contact=SEALED,
            facts=SEALED,
        )

    def planned(self, due_at: datetime | None = None) -> FollowUpPlanned:
        """It is planned."""
        due_at = due_at or self.at + timedelta(hours=1)
        return self._fact(FollowUpPlanned, self.at, release=0, due_at=due_at, trigger_id=self.trigger_id)

    def due(self, at: datetime | None = None, release: int = 1) -> FollowUpDue:
        """Its hour has come."""
        when = at or self.at + timedelta(hours=1)
        return self._fact(FollowUpDue, when, release, first_due_at=when, due_at=when)

    def cleared(self, at: datetime | None = None, release: int = 1) -> FollowUpCleared:
        """It may go."""
        when = at or self.at + timedelta(hours=1, seconds=0.2)
        return self._fact(FollowUpCleared, when, release, valid_until=when + timedelta(minutes=10))

    def deferred(
        self,
        until: datetime,
        at: datetime | None = None,
        release: int = 1,
        reason: str = "quiet_hours",
        explanation: str | None = None,
        rules: tuple[str, ...] = (),
    ) -> FollowUpDeferred:
        """Ask again."""
        when = at or self.at + timedelta(hours=1, seconds=0.2)
        return self._fact(
            FollowUpDeferred, when, release, until=until, reason=reason, explanation=explanation, rules=rules
        )

    def blocked(self, at: datetime | None = None, release: int = 1, reason: str = "no_consent") -> FollowUpBlocked:
        """Never."""
        return self._fact(FollowUpBlocked, at or self.at + timedelta(hours=1, seconds=0.2), release, reason=reason)

    def lapsed(self, at: datetime | None = None, release: int = 1) -> FollowUpLapsed:
        """The clearance ran out."""
        return self._fact(FollowUpLapsed, at or self.at + timedelta(hours=1, minutes=10), release, reason="rate_limit")

    def cancelled(self, at: datetime | None = None, release: int = 0, reason: str = "refund") -> FollowUpCancelled:
        """No longer wanted."""
        return self._fact(FollowUpCancelled, at or self.at + timedelta(minutes=30), release, reason=reason)

    def expired(self, at: datetime | None = None, release: int = 1, *, after_failure: bool = False) -> FollowUpExpired:
        """Too late."""
        when = at or self.at + timedelta(hours=13)
        return self._fact(FollowUpExpired, when, release, reason="message_expired", after_failure=after_failure)

    def accepted(self, at: datetime | None = None, release: int = 1, price_minor: int | None = 1) -> DispatchAccepted:
        """The provider took it."""
        return self._fact(
            DispatchAccepted,
            at or self.at + timedelta(hours=1, seconds=0.6),
            release,
            provider_message_id=f"SM{self.ordinal}",
            parts=1,
            price_minor=price_minor,
            currency=None if price_minor is None else "USD",
            body_sha256="0" * 64,
        )

    def delivered(self, at: datetime | None = None, release: int = 1) -> DispatchDelivered:
        """The phone has it."""
        return self._fact(DispatchDelivered, at or self.at + timedelta(hours=1, seconds=2.4), release)

    def failed(
        self,
        at: datetime | None = None,
        release: int = 1,
        *,
        accepted: bool = True,
        error_class: ErrorClass | None = ErrorClass.UNREACHABLE,
        reason: str = "undelivered",
        retry_at: datetime | None = None,
    ) -> DispatchFailed:
        """It did not go, or did not arrive."""
        return self._fact(
            DispatchFailed,
            at or self.at + timedelta(hours=1, seconds=9),
            release,
            accepted=accepted,
            error_class=error_class,
            code="30003" if error_class is ErrorClass.UNREACHABLE else None,
            reason=reason,
            retry_at=retry_at,
        )

    def waiting(
        self, at: datetime | None = None, release: int = 1, *, reason: str = "unanswered", detail: str = "http_503"
    ) -> DispatchWaiting:
        """Its call is not over."""
        when = at or self.at + timedelta(hours=1, seconds=3)
        until = when + timedelta(seconds=5)
        return self._fact(DispatchWaiting, when, release, reason, reason=reason, detail=detail, until=until)

    def refused_here(self, at: datetime | None = None, release: int = 1, reason: str = "suppressed") -> DispatchFailed:
        """The gate refused it: no call was made."""
        when = at or self.at + timedelta(hours=1, seconds=2)
        said = {"attempt_id": None, "accepted": False, "error_class": ErrorClass.CONTENT, "reason": reason}
        return self._fact(DispatchFailed, when, release, **said)

    def unknown(self, at: datetime | None = None, release: int = 1) -> DispatchUnknown:
        """The outcome is unknown."""
        when = at or self.at + timedelta(hours=2)
        return self._fact(DispatchUnknown, when, release, reason="not_found_and_not_disproved")

    def click(self, ordinal: int = 1, at: datetime | None = None, *, robot: bool = False) -> ClickRecorded:
        """The link was visited."""
        when = at or self.at + timedelta(hours=1, minutes=4 + ordinal)
        click_id = derived("click", self.ordinal, ordinal, robot, at=when)
        return self._fact(ClickRecorded, when, ordinal, robot, click_id=click_id, link="aB3dE5gH7j", robot=robot)

    def reply(
        self, reply_class: ReplyClass = ReplyClass.OTHER, ordinal: int = 1, at: datetime | None = None
    ) -> ReplyReceived:
        """The person wrote back."""
        when = at or self.at + timedelta(hours=1, minutes=9 + ordinal)
        return self._fact(ReplyReceived, when, reply_class, ordinal, reply_class=reply_class, contact=SEALED)

    def opted_out(self, at: datetime | None = None, milliseconds: int = 180) -> ConsentChanged:
        """The ledger holds a STOP, so long after it was written."""
        written = at or self.at + timedelta(hours=1, minutes=10)
        known = written + timedelta(milliseconds=milliseconds)
        standing = ScopeSnapshot(status="revoked", revoked_at=written)
        return ConsentChanged(
            **self._person(
                EventId(derived("consent.changed", self.merchant_id, self.recipient_id, known, at=known)), known
            ),
            epoch=2,
            marketing=standing,
            informational=standing,
            scope=ConsentScope.ALL,
            act=ConsentAct.REVOKED,
        )

    def conversion(self, ordinal: int = 1, at: datetime | None = None, minor: int = 4900) -> ConversionAttributed:
        """A purchase is credited to it."""
        return self._fact(
            ConversionAttributed,
            at or self.at + timedelta(hours=3 + ordinal),
            ordinal,
            conversion_id=self._conversion(ordinal),
            trigger_id=self.trigger_id,
            subject=f"order-{5000 + self.ordinal}",
            model=AttributionModel.LAST_CLICK,
            touched_at=self.at + timedelta(hours=1, minutes=5),
            window_hours=120,
            amount_minor=minor,
            currency="USD",
        )

    def refund(self, ordinal: int = 1, at: datetime | None = None, minor: int = -4900) -> ConversionAdjusted:
        """Credit was taken back."""
        when = at or self.at + timedelta(hours=9 + ordinal)
        taken = {"conversion_id": self._conversion(ordinal), "amount_minor": minor, "currency": "USD"}
        return self._fact(ConversionAdjusted, when, ordinal, trigger_id=self.trigger_id, **taken)

    def all_the_way(self) -> list[Event]:
        """From the purchase to the phone."""
        return [self.purchase(), self.planned(), self.due(), self.cleared(), self.accepted(), self.delivered()]

    def _conversion(self, ordinal: int) -> UUID:
        return derived("conversion", self.follow_up_id, ordinal, at=self.at)

    def _person(self, event_id: EventId, at: datetime) -> dict[str, Any]:
        return {
            "event_id": event_id,
            "merchant_id": self.merchant_id,
            "recipient_id": self.recipient_id,
            "occurred_at": at,
            "correlation_id": f"c{self.ordinal}",
        }

    def _fact(self, kind: type[EventT], at: datetime, *key: object, **said: Any) -> EventT:
        """Return a fact about the text, its id derived from the key, which begins with the release if there is one."""
        release = said.get("release", key[0] if key else None)
        text = {
            **self._person(EventId(derived(kind.type, self.follow_up_id, *key, at=at)), at),
            "follow_up_id": self.follow_up_id,
            "enrollment_id": EnrollmentId(derived("enrollment", self.ordinal, at=self.at)),
            "attempt_id": AttemptId(derived("attempt", self.follow_up_id, release, at=self.at)),
            "flow": self.flow,
            "flow_version": self.flow_version,
            "step": self.step,
            "purpose": self.purpose,
            "release": release,
            "segment": self.segment,
            "provider": self.provider,
            "sender_number": self.number,
            "content": Content(body=SEALED, locale="en", contact=SEALED, facts=SEALED),
        }
        return kind(**{**text, **said})  # an event ignores the fields that it does not have
