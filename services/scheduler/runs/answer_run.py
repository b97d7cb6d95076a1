"""The run that answers HELP, or confirms STOP."""

from datetime import datetime

from services.scheduler.runs.enrolment import ANSWER_FLOW, built_in_version
from services.scheduler.runs.facts import recipient_names, zone_of
from services.scheduler.runs.keyword_answers import PURPOSES, REPLY_ANSWER_LIMIT, answer
from services.scheduler.runs.new_run import NewRun, Version, names_of
from services.scheduler.runs.plan import MerchantDefaults, PlannedText, end_before_beginning
from shared.config.directory import Merchant
from shared.events.engagement import ReplyReceived
from shared.events.follow_up import ResendPolicy
from shared.events.trigger import Contact


def needs_answer(event: ReplyReceived) -> bool:
    """Return whether we answer a reply: not where the provider does, nor a repeated opt-out."""
    return event.reply_class in PURPOSES and not event.provider_answers and not event.repeats_opt_out


def answer_run(event: ReplyReceived, merchant: Merchant, contact: Contact, now: datetime) -> NewRun:
    """Return the run of the built-in flow `answer` that a reply starts; a repeated event has the same run."""
    purpose = PURPOSES[event.reply_class]
    config = merchant.config
    locale, body = answer(purpose, event.locale or contact.locale, config.locale, has_contact=bool(config.contact))
    expires_at = event.occurred_at + REPLY_ANSWER_LIMIT
    zone = zone_of(contact, config.time_zone)
    text = PlannedText(
        step=purpose,
        purpose=purpose,
        due_at=event.occurred_at,
        expires_at=expires_at,
        locale=locale,
        body=body,
        policy=MerchantDefaults(config.locale, config.policies).policy(None, ResendPolicy.AT_MOST_ONCE),
        ends_as=end_before_beginning(event.occurred_at, expires_at, now, "send"),
    )
    return NewRun(
        merchant=merchant,
        recipient_id=event.recipient_id,
        version=Version.of_content(ANSWER_FLOW, built_in_version(ANSWER_FLOW, ())),
        entry_key=str(event.event_id),
        ordinal=1,
        began_at=event.occurred_at,
        texts=[text],
        zone=zone,
        sender_number=event.sender_number,
        contact=event.contact,
        facts=names_of(merchant, {}, recipient_names(contact), {}, zone),
        correlation_id=event.correlation_id,
        inbound_at=event.occurred_at,
        is_built_in=True,
    )
