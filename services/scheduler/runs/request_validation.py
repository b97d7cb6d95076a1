"""Validates what is asked for over HTTP: every error names its field, and nothing is stored yet."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import Field, TypeAdapter, ValidationError

from services.scheduler.api_models import FollowUpRequest
from services.scheduler.runs.enrolment import API_STEP
from services.scheduler.runs.facts import Trigger, zone_of
from services.scheduler.runs.plan import MerchantDefaults, PlannedText, end_before_beginning, sender_number
from services.scheduler.runs.tests_on_own_phones import as_test_text
from shared import ids, phone, zone_countries
from shared.conditions import compile_condition
from shared.config.directory import Merchant
from shared.config.flow import Flow
from shared.config.model import LONGEST_DURATION
from shared.config.vocabulary import HISTORY_FIELDS, RECIPIENT_FIELDS
from shared.errors import ConditionFault
from shared.events.follow_up import Purpose, ResendPolicy
from shared.events.trigger import MOST_MINOR, Contact, PhoneProvenance
from shared.http.auth import Caller
from shared.http.problems import unprocessable
from shared.ids import RecipientId
from shared.instants import Instant
from shared.phone import E164, Unparsable
from shared.privacy import Sealer
from shared.templates import engine

_PAST_AFTER = timedelta(seconds=60)
"""A due time this recent counts as now, since clocks differ and requests take time."""
_CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far a caller's clock may run ahead of ours, as for events."""
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
    """A valid request, with everything that follows from it."""

    merchant: Merchant
    request: FollowUpRequest
    recipient_id: RecipientId
    contact: Contact
    zone: ZoneInfo
    sender_number: str
    flow: Flow | None
    began_at: datetime
    due_at: datetime
    """Of a text; the steps of a flow have their own."""
    trigger: Trigger
    entry_key: str
    by: str | None
    """The id of the API key it came with; None for the operator."""


def validated(
    caller: Caller,
    request: FollowUpRequest,
    entry_key: str,
    now: datetime,
    sealer: Sealer,
    who_wrote: Contact | None = None,
) -> ValidRequest:
    """Return the request with everything that follows from it; the text itself is not rendered yet.

    `who_wrote` is whom it answers, where it names no number.

    Raises:
        HTTPProblem: 422 naming the field and what is wrong with it.
    """
    merchant = caller.merchant
    contact = who_wrote or _contact(request, merchant)
    number = E164(contact.phone)
    recipient_id = sealer.recipient_id(merchant.id, number)
    sender = sender_number(merchant.config.numbers, number, recipient_id)
    if sender is None:
        raise unprocessable("to", "the merchant has no sender number; add one under numbers in merchant.yaml")
    flow = named = _flow_of(merchant, request)
    if request.test:
        request, flow = as_test_text(merchant, number, request, flow, now), None
    for at, rule in enumerate(request.cancel_on):
        if rule.when is not None:
            _check_condition(f"cancel_on.{at}.when", rule.when)
    zone = zone_of(contact, merchant.config.time_zone)
    due_at = now if flow else _due_at(request, zone, now)
    trigger = _trigger(merchant, recipient_id, request, named, now)
    if request.text is not None:
        _check_names(request.text)
    return ValidRequest(
        merchant=merchant,
        request=request,
        recipient_id=recipient_id,
        contact=contact,
        zone=zone,
        sender_number=sender.number,
        flow=flow,
        began_at=trigger.occurred_at if flow else now,
        due_at=due_at,
        trigger=trigger,
        entry_key=entry_key,
        by=caller.asked_by,
    )


def _contact(request: FollowUpRequest, merchant: Merchant) -> Contact:
    """Return what the request says of its recipient."""
    number = phone.parse(request.to or "", request.recipient.country or merchant.config.country)
    if isinstance(number, Unparsable):
        raise unprocessable("to", f"the number cannot be used: {number.reason}")
    zone_name = request.recipient.time_zone
    if zone_name is not None and zone_countries.zone_named(zone_name) is None:
        raise unprocessable("recipient.time_zone", "not an IANA time zone, such as America/Chicago")
    known = request.recipient.model_dump()
    if zone_name is not None and not zone_countries.is_place(zone_name):
        known["time_zone"] = None  # UTC and offsets do not say where a person lives
    return Contact(phone=number, provenance=PhoneProvenance.API, **known)


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


def text_of(asked: ValidRequest, now: datetime) -> PlannedText:
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
    """Return the trigger that the request stands for."""
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


def _check_condition(field: str, source: str) -> None:
    try:
        compile_condition(source)
    except ConditionFault as fault:
        raise unprocessable(field, f"column {fault.fields['column']}: {fault.detail}") from None


def _check_names(template: str) -> None:
    """Refuse names that no text ever has, even where `default` replaces them."""
    found = engine.variables(template)
    if isinstance(found, engine.TemplateError):
        raise unprocessable("text", found.reason)
    for variable in found:
        if variable.root not in _ROOTS:
            raise unprocessable("text", f"unknown name {variable.name!r}; templates read {', '.join(_ROOTS)}")
        fields = _ROOTS[variable.root]
        if fields is not None and variable.field is not None and variable.field not in fields:
            raise unprocessable(
                "text", f"unknown name {variable.name!r}; {variable.root} has {', '.join(sorted(fields))}"
            )
