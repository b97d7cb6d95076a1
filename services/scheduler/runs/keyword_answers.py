"""Answers to HELP and confirmations of STOP, for providers that do not answer themselves.

Both contain what the rules require and nothing else: HELP the brand, a contact and STOP; the confirmation the brand
and that no more will come (compliance section 10; CTIA Messaging Principles; 47 CFR 64.1200(a)(12)).
"""

from datetime import timedelta

from shared.events.engagement import ReplyClass
from shared.events.follow_up import Purpose

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


def answer(purpose: Purpose, locale: str | None, merchant_locale: str, *, has_contact: bool) -> tuple[str, str]:
    """Return the locale and template of an answer, in the person's language where there is one in it."""
    texts = _HELP if purpose is Purpose.HELP else _OPTED_OUT
    languages = ((wanted or "").replace("_", "-").casefold().split("-")[0] for wanted in (locale, merchant_locale))
    language = next((spoken for spoken in languages if spoken in texts), FALLBACK_LOCALE)
    contact = "{{ merchant.contact }}" if has_contact else _NO_CONTACT[language]
    return language, "{{ merchant.brand }}: " + texts[language].format(contact=contact)
