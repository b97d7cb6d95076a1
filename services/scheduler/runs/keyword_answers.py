"""The runs that answer HELP and confirm STOP, for providers that do not answer themselves.

Both contain what the rules require and nothing else: HELP the brand, a contact and STOP; the confirmation the brand
and that no more will come (compliance section 10; CTIA Messaging Principles; 47 CFR 64.1200(a)(12)).
"""

from datetime import datetime, timedelta

from services.scheduler.runs.enrolment import built_in_version
from services.scheduler.runs.facts import recipient_names, zone_of
from services.scheduler.runs.plan import MerchantDefaults, NewRun, PlannedText, Version, end_before_beginning, names_of
from shared.config.directory import Merchant
from shared.events.engagement import ReplyClass, ReplyReceived
from shared.events.follow_up import Purpose, ResendPolicy
from shared.events.trigger import Contact
from shared.vocabulary.built_in_flows import ANSWER_FLOW

REPLY_ANSWER_LIMIT = timedelta(seconds=300)
"""An answer later than this is not sent. Source: 47 CFR 64.1200(a)(12), five minutes; HELP by analogy."""
FALLBACK_LOCALE = "en"

PURPOSES = {ReplyClass.HELP: Purpose.HELP, ReplyClass.OPT_OUT: Purpose.OPT_OUT_CONFIRMATION}
"""The replies that are answered."""

_HELP = {
    "en": "for help, {contact}. Msg frequency varies. Msg & data rates may apply. Reply STOP to opt out.",
    "es": "para ayuda, {contact}. La frecuencia varía. Pueden aplicarse tarifas. Responda STOP para no recibir más.",
    "fr": "pour de l'aide, {contact}. Fréquence variable. Frais possibles. Répondez STOP pour vous désinscrire.",
    "de": "Hilfe: {contact}. Häufigkeit variiert. Es können Kosten anfallen. Mit STOP abmelden.",
    "pt": "para ajuda, {contact}. A frequência varia. Podem aplicar-se tarifas. Responda STOP para sair.",
    "it": "per assistenza, {contact}. La frequenza varia. Possibili costi. Rispondi STOP per non ricevere altro.",
}
_NO_CONTACT = {
    "en": "see our website",
    "es": "visite nuestra web",
    "fr": "voyez notre site",
    "de": "siehe unsere Website",
    "pt": "veja o nosso site",
    "it": "vedi il nostro sito",
}
_OPTED_OUT = {
    "en": "you are unsubscribed and will receive no more messages.",
    "es": "se ha dado de baja y no recibirá más mensajes.",
    "fr": "vous êtes désinscrit et ne recevrez plus de messages.",
    "de": "Sie sind abgemeldet und erhalten keine weiteren Nachrichten.",
    "pt": "a sua inscrição foi cancelada e não receberá mais mensagens.",
    "it": "la tua iscrizione è annullata e non riceverai altri messaggi.",
}


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


def answer(purpose: Purpose, locale: str | None, merchant_locale: str, *, has_contact: bool) -> tuple[str, str]:
    """Return the locale and template of an answer, in the person's language where there is one in it."""
    texts = _HELP if purpose is Purpose.HELP else _OPTED_OUT
    languages = ((wanted or "").replace("_", "-").casefold().split("-")[0] for wanted in (locale, merchant_locale))
    language = next((spoken for spoken in languages if spoken in texts), FALLBACK_LOCALE)
    contact = "{{ merchant.contact }}" if has_contact else _NO_CONTACT[language]
    return language, "{{ merchant.brand }}: " + texts[language].format(contact=contact)
