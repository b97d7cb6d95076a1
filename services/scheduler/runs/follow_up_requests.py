"""What is asked for over HTTP becomes a run: what is wrong with it is told by field, before anything is stored."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import Field, TypeAdapter, ValidationError

from services.scheduler.api_models import FollowUpRequest, PartsAnswer, TextAnswer
from services.scheduler.runs import recipients
from services.scheduler.runs.enrolment import (
    API_FLOW,
    API_STEP,
    Decline,
    Run,
    built_in_version,
    enrolment,
    entry_hash,
)
from services.scheduler.runs.facts import History, Trigger, recipient_names, zone_named, zone_of
from services.scheduler.runs.gate_advice import question
from services.scheduler.runs.plan import (
    MerchantDefaults,
    PlannedText,
    end_before_beginning,
    planned,
    sender_number,
)
from services.scheduler.runs.planner import NewRun, Version, Versions, names_of
from services.scheduler.runs.recipients import StoredRecipient
from services.scheduler.store import FollowUp, load_open, taken_since, was_ever_taken
from shared import aad, ids, phone, templates, zone_countries
from shared.conditions import compile_condition
from shared.config.directory import Merchant
from shared.config.flow import Flow
from shared.config.merchant import Number
from shared.config.model import LONGEST_DURATION
from shared.config.vocabulary import HISTORY_FIELDS, RECIPIENT_FIELDS
from shared.db.transaction import Transaction
from shared.errors import ConditionFault
from shared.events.follow_up import Purpose, ResendPolicy
from shared.events.trigger import ENDING_KINDS, MOST_MINOR, Contact, PhoneProvenance
from shared.http.problems import HTTPProblem, unprocessable
from shared.ids import RecipientId
from shared.instants import Instant
from shared.phone import E164, Unparsable
from shared.privacy import Sealer
from shared.rendering.render import Rendered, RenderFailed, RenderInput, render
from shared.templates import TemplateError

GateAdvice: TypeAlias = Callable[[dict[str, Any]], Mapping[str, Any]]
"""The gate's evaluation of one question (design section 9); pure, so that asking it sends and stores nothing."""

_PAST_AFTER = timedelta(seconds=60)
"""Clocks differ and requests take time: a due time this recent is now."""
_CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far a caller's clock may run ahead of ours, as for events."""
_CODE_CHARACTERS = 10
"""Of a short link (the sender's)."""
_ADVICE = "advice as of the due time, on the consent known now; caps are judged when the text is due"
_ROOTS: Mapping[str, frozenset[str] | None] = {
    "recipient": RECIPIENT_FIELDS,
    "history": HISTORY_FIELDS,
    "merchant": frozenset({"brand", "contact"}),
    "trigger": None,
    "now": None,
}
_OWN_TRIGGER_FIELDS: Mapping[str, TypeAdapter[Any]] = {
    "subject": TypeAdapter(str),
    "customer": TypeAdapter(str),
    "amount_minor": TypeAdapter(Annotated[int, Field(ge=0, le=MOST_MINOR)]),
    "currency": TypeAdapter(str),
    "test": TypeAdapter(bool),
    "occurred_at": TypeAdapter(Instant),
}


@dataclass(frozen=True, slots=True)
class ValidRequest:
    """A request whose every field makes sense."""

    merchant: Merchant
    request: FollowUpRequest
    phone: E164
    recipient_id: RecipientId
    contact: Contact
    zone: ZoneInfo
    number: Number
    flow: Flow | None
    began_at: datetime
    due_at: datetime
    """Of a text; a flow says its own."""
    trigger: Trigger
    entry_key: str
    by: str | None = None
    """The id of the key it came with; the operator has none."""


@dataclass(frozen=True, slots=True)
class RecipientPast:
    """What is known of the person asked for."""

    person: StoredRecipient
    history: History
    runs: Mapping[bytes, Run]
    earlier: Sequence[Trigger] = ()
    """What happened to them lately."""
    is_first_contact: bool = False
    """The provider never took a text to them."""


class FollowUpRequests:
    """Turns requests into runs."""

    def __init__(self, sealer: Sealer, versions: Versions, advice: GateAdvice) -> None:
        self._sealer = sealer
        self._versions = versions
        self._advice = advice

    def asked(self, merchant: Merchant, request: FollowUpRequest, entry_key: str, now: datetime) -> ValidRequest:
        """Return the request, understood; the heavy work is done here, outside any unit of work.

        Raises:
            HTTPProblem: 422 naming the field and what is wrong with it.
        """
        number = phone.parse(request.to, request.recipient.country or merchant.config.country)
        if isinstance(number, Unparsable):
            raise unprocessable("to", f"the number cannot be used: {number.reason}")
        zone_name = request.recipient.time_zone
        if zone_name is not None and zone_named(zone_name) is None:
            raise unprocessable("recipient.time_zone", "not an IANA time zone, such as America/Chicago")
        told = request.recipient.model_dump()
        if zone_name is not None and not zone_countries.is_place(zone_name):
            told["time_zone"] = None  # UTC and offsets do not say where somebody lives
        contact = Contact(phone=number, provenance=PhoneProvenance.API, **told)
        recipient_id = self._sealer.recipient_id(merchant.id, number)
        sender = sender_number(merchant.config.numbers, number, recipient_id)
        if sender is None:
            raise unprocessable("to", "the merchant has no sender number; add one under numbers in merchant.yaml")
        flow = _flow_of(merchant, request)
        for at, rule in enumerate(request.cancel_on):
            _check_condition(f"cancel_on.{at}.when", rule.when)
        zone = zone_of(contact, merchant.config.time_zone)
        due_at = now if flow else _due_at(request, zone, now)
        trigger = _trigger(merchant, recipient_id, request, flow, now)
        asked = ValidRequest(
            merchant,
            request,
            number,
            recipient_id,
            contact,
            zone,
            sender,
            flow,
            trigger.occurred_at if flow else now,
            due_at,
            trigger,
            entry_key,
        )
        if request.text is not None:
            _check_names(request.text)
            self.rendered(asked, _text(asked, now), History(), "text")
        return asked

    async def past(
        self, db: Transaction, asked: ValidRequest, now: datetime, *, reading: bool = False
    ) -> RecipientPast:
        """Return what is known of the person."""
        wanted = [asked.recipient_id]
        running = (await load_open(db, wanted, lock=None)).values()
        taken = await taken_since(db, wanted, now - timedelta(days=30), running)
        known = await recipients.people(db, wanted, lock=None if reading else "update")
        person = known.get(asked.recipient_id) or StoredRecipient(asked.recipient_id, asked.merchant.id)
        history = person.history(taken.get(asked.recipient_id, ()), now)
        is_first = not taken and not (reading and await was_ever_taken(db, asked.recipient_id))
        if asked.flow is None:
            return RecipientPast(person, history, {}, is_first_contact=is_first)
        names = _names(asked, history, now)
        key = entry_hash(asked.flow, names)
        own = [] if key is None else [(asked.recipient_id, asked.flow.flow, key)]
        runs = (await recipients.runs(db, own)).get((asked.recipient_id, asked.flow.flow), {})
        kinds = {rule.on for rule in asked.flow.cancel_on} | ENDING_KINDS
        seen = (await recipients.seen_since(db, wanted, asked.trigger.occurred_at)).get(asked.recipient_id, ())
        earlier = [recipients.opened(self._sealer, row) for row in seen if row["kind"] in kinds]
        return RecipientPast(person, history, runs, earlier, is_first)

    def run(self, asked: ValidRequest, past: RecipientPast, now: datetime) -> NewRun:
        """Return the run that was asked for.

        Raises:
            HTTPProblem: 409 where the flow, or the person's erasure, does not allow it.
        """
        if past.person.erased_at is not None:
            raise HTTPProblem(HTTPStatus.CONFLICT, "recipient_erased", "this person asked to be forgotten")
        recipient = recipient_names(asked.contact)
        entry_key, ordinal = asked.entry_key, 1
        if asked.flow is None:
            version = Version.of_content(
                API_FLOW, built_in_version(API_FLOW, asked.request.cancel_on, asked.request.if_past)
            )
            texts = [_text(asked, now)]
        else:
            outcome = enrolment(asked.flow, asked.trigger, _names(asked, past.history, now), past.runs, past.earlier)
            if isinstance(outcome, Decline):
                raise HTTPProblem(HTTPStatus.CONFLICT, "not_enrolled", f"the flow did not start: {outcome}")
            entry_key, ordinal = outcome.entry_key, outcome.ordinal
            version = self._versions.of(asked.flow)
            house = MerchantDefaults(asked.merchant.config.locale, asked.merchant.config.policies)
            texts = planned(asked.flow, asked.began_at, now, asked.zone, asked.contact, house)
            for text in texts:
                self.rendered(asked, text, past.history, "trigger")
        return NewRun(
            merchant=asked.merchant,
            recipient_id=asked.recipient_id,
            version=version,
            entry_key=entry_key,
            ordinal=ordinal,
            began_at=asked.began_at,
            texts=texts,
            zone=asked.zone,
            sender_number=asked.number.number,
            contact=self._sealer.seal(
                asked.merchant.id,
                aad.contact(asked.recipient_id),
                asked.contact.model_dump_json().encode(),
            ),
            facts=names_of(asked.merchant, asked.trigger.names(), recipient, past.history.names(), asked.zone),
            correlation_id=str(ids.derived("correlation", asked.merchant.id, asked.entry_key, at=asked.began_at)),
            subject=asked.trigger.subject,
            is_built_in=asked.flow is None,
            asked_by=asked.by,
        )

    def rendered(
        self, asked: ValidRequest, text: PlannedText, history: History, field: str, *, is_first_contact: bool = False
    ) -> Rendered:
        """Return a text as it would read, made by what makes it when it is sent.

        Raises:
            HTTPProblem: 422 where there is none, or none that any provider takes; says what is wrong, and no fact.
        """
        recipient, trigger = recipient_names(asked.contact), asked.trigger.names()
        names = names_of(asked.merchant, trigger, recipient, history.names(), asked.zone)
        config = asked.merchant.config
        made = render(
            RenderInput(
                template=text.body,
                facts=names | {"now": text.due_at.isoformat()},
                brand=config.brand,
                locale=text.locale,
                purpose=text.purpose,
                first_contact=is_first_contact,
                contact_line=config.contact,
            ),
            link=_stand_in(asked.merchant),
        )
        if isinstance(made, RenderFailed):
            raise unprocessable(field, f"{made.field}: {made.detail}" if made.field else made.detail)
        return made

    def preview(self, asked: ValidRequest, run: NewRun, text: PlannedText, past: RecipientPast) -> TextAnswer:
        """Return what would be sent, its weight, and what the gate would say at the due time."""
        made = self.rendered(asked, text, past.history, "text", is_first_contact=past.is_first_contact)
        asking = question(asked.contact, text, past.person, asked.merchant.config)
        return TextAnswer(
            step=text.step,
            purpose=text.purpose,
            due_at=text.due_at,
            due_local=text.due_at.astimezone(asked.zone).isoformat(),
            expires_at=text.expires_at,
            sender_number=run.sender_number,
            locale=text.locale,
            text=made.text,
            parts=PartsAnswer(encoding=made.encoding, parts=made.parts, units=made.units),
            gate=dict(self._advice(asking)),
            gate_note=_ADVICE,
        )


def local_of(follow_up: FollowUp) -> str:
    """Return a follow-up's due time on the recipient's clock, with its offset."""
    return follow_up.due_at.astimezone(ZoneInfo(follow_up.time_zone)).isoformat()


def _names(asked: ValidRequest, history: History, now: datetime) -> dict[str, Any]:
    """Return what conditions may read."""
    return {
        "trigger": asked.trigger.names(),
        "recipient": recipient_names(asked.contact),
        "history": history.names(),
        "now": now,
    }


def _flow_of(merchant: Merchant, request: FollowUpRequest) -> Flow | None:
    if request.flow is None:
        return None
    flow = merchant.flows.get(request.flow)
    if flow is None:
        raise unprocessable("flow", "there is no flow of this name; GET /v1/flows lists them")
    return flow


def _due_at(request: FollowUpRequest, zone: ZoneInfo, now: datetime) -> datetime:
    """Return when a text is due."""
    field, due_at = "due_at", now
    if request.due_at is not None:
        due_at = request.due_at
    elif request.due_in is not None:
        field, due_at = "due_in", now + request.due_in
    elif request.due_local is not None:
        field = "due_local"
        due_at = datetime.combine(request.due_local.date, request.due_local.time, tzinfo=zone)
    due_at = due_at.astimezone(now.tzinfo)
    if due_at > now + LONGEST_DURATION:
        raise unprocessable(field, "a text is planned at most five years ahead")
    if due_at < now - _PAST_AFTER and request.if_past is None:
        raise unprocessable(field, "this time has passed; say if_past: send or skip")
    if request.expires_at is not None and request.expires_at <= max(due_at, now):
        raise unprocessable("expires_at", "it must be after the due time, and not past")
    return due_at


def _text(asked: ValidRequest, now: datetime) -> PlannedText:
    """Return the one text of the built-in flow `api`."""
    request = asked.request
    purpose = Purpose(request.purpose or Purpose.MARKETING)
    is_marketing = purpose is Purpose.MARKETING
    resend = ResendPolicy.AT_MOST_ONCE if is_marketing else ResendPolicy.RESEND_WHEN_ABSENT
    expires_at = None if request.expires_at is None else request.expires_at.astimezone(now.tzinfo)
    config = asked.merchant.config
    return PlannedText(
        step=API_STEP,
        purpose=purpose,
        due_at=asked.due_at,
        expires_at=expires_at,
        locale=asked.contact.locale or config.locale,
        body=request.text or "",
        policy=MerchantDefaults(config.locale, config.policies).policy(None, resend),
        ends_as=end_before_beginning(asked.due_at, expires_at, now, request.if_past or "send", _PAST_AFTER),
    )


def _trigger(
    merchant: Merchant, recipient_id: RecipientId, request: FollowUpRequest, flow: Flow | None, now: datetime
) -> Trigger:
    """Return what happened, as conditions and templates read it."""
    given = dict(request.trigger or {})
    amount = given.pop("amount", None)
    if isinstance(amount, Mapping):
        given = {"amount_minor": amount.get("minor"), "currency": amount.get("currency")} | given
    own: dict[str, Any] = {}
    for name, adapter in _OWN_TRIGGER_FIELDS.items():
        if (value := given.pop(name, None)) is not None:
            try:
                own[name] = adapter.validate_python(value)
            except ValidationError as problem:
                raise unprocessable(f"trigger.{name}", str(problem.errors()[0]["msg"])) from None
    given.pop("kind", None)
    occurred_at: datetime = own.pop("occurred_at", now)
    if occurred_at > now + _CLOCK_TOLERANCE:
        raise unprocessable("trigger.occurred_at", "it has not happened yet: this is more than five minutes ahead")
    if request.subject is not None:
        own["subject"] = request.subject
    return Trigger(
        event_id=ids.derived("trigger.asked", merchant.id, recipient_id, at=now),
        merchant_id=merchant.id,
        recipient_id=recipient_id,
        kind=str(flow.on) if flow else "custom.api",
        source="api",
        occurred_at=occurred_at.astimezone(now.tzinfo),
        facts={**given, **request.facts},
        **own,
    )


def _stand_in(merchant: Merchant) -> Callable[[str], str]:
    """Return what stands for short links that are not made yet: as long as they will be."""
    links = merchant.config.links
    return lambda address: address if links is None else f"{links.base_url.rstrip('/')}/r/{'0' * _CODE_CHARACTERS}"


def _check_condition(field: str, source: str | None) -> None:
    if source is None:
        return
    try:
        compile_condition(source)
    except ConditionFault as fault:
        raise unprocessable(field, f"column {fault.fields['column']}: {fault.detail}") from None


def _check_names(template: str) -> None:
    """Refuse names that no text ever has, even where `default` stands in for them."""
    found = templates.variables(template)
    if isinstance(found, TemplateError):
        raise unprocessable("text", found.reason)
    for variable in found:
        if variable.root not in _ROOTS:
            raise unprocessable("text", f"unknown name {variable.name!r}; templates read {', '.join(_ROOTS)}")
        fields = _ROOTS[variable.root]
        if fields is not None and variable.field is not None and variable.field not in fields:
            raise unprocessable(
                "text", f"unknown name {variable.name!r}; {variable.root} has {', '.join(sorted(fields))}"
            )
