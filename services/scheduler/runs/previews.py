"""Shows a follow-up that is only considered: its text as it would be sent, and what the gate would say."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from services.scheduler.api_models import PartsAnswer, TextAnswer
from services.scheduler.runs.facts import History, recipient_names
from services.scheduler.runs.plan import NewRun, PlannedText, names_of
from services.scheduler.runs.recipients import RecipientPast, StoredRecipient
from services.scheduler.runs.request_validation import ValidRequest
from shared.config.directory import Merchant
from shared.config.merchant import MerchantConfig
from shared.events.follow_up import Purpose
from shared.events.trigger import Contact
from shared.http.problems import unprocessable
from shared.rendering.render import Rendered, RenderFailed, RenderInput, render

GateAdvice: TypeAlias = Callable[[dict[str, Any]], Mapping[str, Any]]
"""The gate's evaluation of one question (design section 9); pure, so that asking it sends and stores nothing."""

_CODE_CHARACTERS = 10
"""In a short link (the sender's)."""
LEAST_CLEARANCE_SECONDS = 60
"""Less time than this counts as expired, as in the gate's verdicts."""
_NO_CLAIM = "none"
"""The status of a scope without any claim."""
_ADVICE = "advice as of the due time, on the consent known now; caps are judged when the text is due"


def rendered(
    asked: ValidRequest, text: PlannedText, history: History, field: str, *, is_first_contact: bool = False
) -> Rendered:
    """Return a text as it would be sent, rendered by the same function as when it is sent.

    Raises:
        HTTPProblem: 422 where it cannot be rendered or sent; says what is wrong, without any fact.
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
        link=stand_in_link(asked.merchant),
    )
    if isinstance(made, RenderFailed):
        raise unprocessable(field, f"{made.field}: {made.detail}" if made.field else made.detail)
    return made


def preview(asked: ValidRequest, run: NewRun, text: PlannedText, past: RecipientPast, advice: GateAdvice) -> TextAnswer:
    """Return what would be sent, its weight, and what the gate would say at the due time."""
    made = rendered(asked, text, past.history, "text", is_first_contact=past.is_first_contact)
    asked_of_gate = question(asked.contact, text, past.person, asked.merchant.config)
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
        gate=dict(advice(asked_of_gate)),
        gate_note=_ADVICE,
    )


def stand_in_link(merchant: Merchant) -> Callable[[str], str]:
    """Return a placeholder for short links, which do not exist yet, of the same length."""
    links = merchant.config.links
    return lambda address: address if links is None else f"{links.base_url.rstrip('/')}/r/{'0' * _CODE_CHARACTERS}"


def question(contact: Contact, text: PlannedText, person: StoredRecipient, config: MerchantConfig) -> dict[str, Any]:
    """Return the question in the evaluation format; what is left out is unknown.

    Consent is that of the last `consent.changed`; earlier follow-ups are not known here, so caps are not checked.
    """
    replied_at = person.replied_at if text.purpose is Purpose.CONVERSATION else None
    return {
        "to": contact.phone,
        "class": str(text.purpose),
        "now": text.due_at.isoformat(),
        "known": {
            "timezone": contact.time_zone,
            "state": contact.state,
            "postal_code": contact.postal_code,
            "country": contact.country,
        },
        "number": {"suppressed": person.suppressed not in {None, "opt_out"}},
        "consent": _consent(text.purpose, person.consents),
        "history": [] if replied_at is None else [{"at": replied_at.isoformat(), "class": "inbound_reply"}],
        "expires_at": None if text.expires_at is None else text.expires_at.isoformat(),
        "profile": str(config.policies.profile),
        "close_guard_seconds": config.policies.close_guard_seconds,
        "destinations": sorted(config.destinations()),
        "least_clearance_seconds": LEAST_CLEARANCE_SECONDS,
    }


def _consent(purpose: Purpose, consents: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return the scope that counts; a marketing consent covers other purposes that have no claim of their own."""
    if consents is None:
        return {"status": _NO_CLAIM}
    informational: Mapping[str, Any] = consents["informational"]
    is_marketing = purpose is Purpose.MARKETING
    marketing: Mapping[str, Any] = consents["marketing"]
    bridged = informational["status"] == _NO_CLAIM and marketing["status"] != "revoked"
    return marketing if is_marketing or bridged else informational
