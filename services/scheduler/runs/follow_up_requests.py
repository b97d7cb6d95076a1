"""Turns what is asked for over HTTP into a run."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from services.scheduler.api_models import FollowUpRequest, TextAnswer
from services.scheduler.runs import recipients, store
from services.scheduler.runs.conversations import answered_reply, ending_with_reply, number_written_to
from services.scheduler.runs.enrolment import Decline, built_in_version, enrolment, entry_key, key_hash
from services.scheduler.runs.facts import History, recipient_names
from services.scheduler.runs.plan import MerchantDefaults, NewRun, Version, names_of, planned
from services.scheduler.runs.previews import GateAdvice, preview, question, rendered
from services.scheduler.runs.recipients import RecipientPast
from services.scheduler.runs.request_validation import ValidRequest, text_of, validated
from services.scheduler.runs.tests_on_own_phones import refuse_blocked
from services.scheduler.runs.versions import Versions
from services.scheduler.store import accepted_since, load_open, was_ever_accepted
from shared import aad, ids
from shared.conditions import ConditionError
from shared.db.transaction import Transaction
from shared.events.follow_up import Purpose
from shared.events.trigger import Contact
from shared.http.auth import Caller
from shared.http.problems import HTTPProblem
from shared.ids import MerchantId, RecipientId
from shared.privacy import Sealer
from shared.vocabulary.built_in_flows import API_FLOW, TEST_FLOW

ERASED: Final = "this person asked to be forgotten"


@dataclass(frozen=True, slots=True)
class FollowUpRequests:
    """Turns requests into runs."""

    sealer: Sealer
    versions: Versions
    advice: GateAdvice

    async def who_wrote(self, db: Transaction, merchant: MerchantId, recipient: UUID, now: datetime) -> Contact:
        """Return whom an answer goes to, where its request names them by id.

        Raises:
            HTTPProblem: 409 where there is nobody to be answered by this id, in words that say what to do.
        """
        key = RecipientId(recipient)
        person = await store.who_wrote(db, merchant, key)
        if person.erased_at is not None:
            raise HTTPProblem(HTTPStatus.CONFLICT, "recipient_erased", ERASED)
        answered_reply(person, now)
        if person.contact is None:
            raise HTTPProblem(HTTPStatus.CONFLICT, "number_not_kept", "their number is not kept here; name it in `to`")
        return recipients.contact_of(self.sealer, merchant, key, person.contact)

    def validated(
        self,
        caller: Caller,
        request: FollowUpRequest,
        entry_key: str,
        now: datetime,
        who_wrote: Contact | None = None,
    ) -> ValidRequest:
        """Return the request, validated and rendered once; this work is done before any unit of work is open.

        Raises:
            HTTPProblem: 422 naming the field and what is wrong with it.
        """
        asked = validated(caller, request, entry_key, now, self.sealer, who_wrote)
        if asked.request.text is not None:
            rendered(asked, text_of(asked, now), History(), "text")
        return asked

    async def past(
        self, db: Transaction, asked: ValidRequest, now: datetime, *, reading: bool = False
    ) -> RecipientPast:
        """Return what is stored about the recipient."""
        wanted = [asked.recipient_id]
        running = (await load_open(db, wanted, lock=None)).values()
        accepted = await accepted_since(db, wanted, now - timedelta(days=30), running)
        people = await store.people(db, [asked.trigger], lock=None if reading else "update")
        person = people[asked.recipient_id]
        history = person.history(accepted.get(asked.recipient_id, ()), now)
        is_first = not accepted and not (reading and await was_ever_accepted(db, asked.recipient_id))
        if asked.flow is None:
            return RecipientPast(person, history, {}, is_first_contact=is_first)
        key, own = entry_key(asked.flow.enter, _names(asked, history, now)), (asked.recipient_id, asked.flow.flow)
        keys = [] if isinstance(key, ConditionError) else [(*own, key_hash(key))]
        runs = (await store.latest_runs(db, keys)).get(own, {})
        seen = (await store.seen_since(db, wanted, asked.trigger.occurred_at)).get(asked.recipient_id, ())
        earlier = recipients.cancelling(self.sealer, asked.flow, seen, asked.trigger.event_id)
        return RecipientPast(person, history, runs, earlier, is_first)

    def run(self, asked: ValidRequest, past: RecipientPast, now: datetime) -> NewRun:
        """Return the run that the request starts.

        Raises:
            HTTPProblem: 409 where the flow, the person's erasure, or what an answer needs does not allow it.
        """
        if past.person.erased_at is not None:
            raise HTTPProblem(HTTPStatus.CONFLICT, "recipient_erased", ERASED)
        recipient = recipient_names(asked.contact)
        entry_key, ordinal, replied_at = asked.entry_key, 1, None
        sender_number = asked.sender_number
        if asked.flow is None:
            built_in = TEST_FLOW if asked.request.test else API_FLOW
            version = Version.of_content(
                built_in, built_in_version(built_in, asked.request.cancel_on, asked.request.if_past)
            )
            texts = [text_of(asked, now)]
            if texts[0].purpose is Purpose.CONVERSATION:
                replied_at = answered_reply(past.person, now)
                texts = [ending_with_reply(texts[0], replied_at)]
                sender_number = number_written_to(past.person, asked.merchant) or sender_number
        else:
            outcome = enrolment(asked.flow, asked.trigger, _names(asked, past.history, now), past.runs, past.earlier)
            if isinstance(outcome, Decline):
                raise HTTPProblem(HTTPStatus.CONFLICT, "not_enrolled", f"the flow did not start: {outcome}")
            entry_key, ordinal = outcome.entry_key, outcome.ordinal
            version = self.versions.of(asked.flow)
            defaults = MerchantDefaults(asked.merchant.config.locale, asked.merchant.config.policies)
            texts = planned(asked.flow, asked.began_at, now, asked.zone, asked.contact, defaults)
            for text in texts:
                rendered(asked, text, past.history, "trigger")
        return NewRun(
            merchant=asked.merchant,
            recipient_id=asked.recipient_id,
            version=version,
            entry_key=entry_key,
            ordinal=ordinal,
            began_at=asked.began_at,
            texts=texts,
            zone=asked.zone,
            sender_number=sender_number,
            contact=self.sealer.seal(
                asked.merchant.id, aad.contact(asked.recipient_id), asked.contact.model_dump_json().encode()
            ),
            facts=names_of(asked.merchant, asked.trigger.names(), recipient, past.history.names(), asked.zone),
            correlation_id=str(ids.derived("correlation", asked.merchant.id, asked.entry_key, at=asked.began_at)),
            subject=asked.trigger.subject,
            inbound_at=replied_at,
            is_built_in=asked.flow is None,
            asked_by=asked.by,
        )

    def check_test(self, asked: ValidRequest, run: NewRun, past: RecipientPast) -> None:
        """Refuse a test text that the gate would block.

        Raises:
            HTTPProblem: 409 with the gate's words.
        """
        if asked.request.test:
            refuse_blocked(self.advice(question(asked.contact, run.texts[0], past.person, asked.merchant.config)))

    def previews(self, asked: ValidRequest, run: NewRun, past: RecipientPast) -> list[TextAnswer]:
        """Return what would be sent, what each text weighs, and what the gate would say at its due time."""
        return [preview(asked, run, text, past, self.advice) for text in run.texts]


def _names(asked: ValidRequest, history: History, now: datetime) -> dict[str, Any]:
    """Return what conditions may read."""
    return {
        "trigger": asked.trigger.names(),
        "recipient": recipient_names(asked.contact),
        "history": history.names(),
        "now": now,
    }
