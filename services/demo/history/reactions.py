"""What people do because of a text they received: open its link, buy, write back, ask to be left alone (pure)."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from services.demo.history.people import Customer


class CustomerReaction(StrEnum):
    """What a person may do."""

    CLICK = "click"
    ROBOT_CLICK = "robot_click"
    """Their phone's maker opens the link to preview it."""
    ORDER = "order"
    REPLY = "reply"


class ReplyKind(StrEnum):
    """What a person writes."""

    PRAISE = "praise"
    QUESTION = "question"
    STOP = "stop"
    HELP = "help"
    UNCLEAR = "unclear"
    """May be an opt-out: somebody must read it."""


@dataclass(frozen=True, slots=True)
class Reacted:
    """One thing that a person does, so long after the text."""

    after: timedelta
    what: CustomerReaction
    words: str = ""
    kind: ReplyKind | None = None


WORDS: Final[dict[str, dict[ReplyKind, tuple[str, ...]]]] = {
    "en": {
        ReplyKind.PRAISE: (
            "Best coffee I have had in years, thank you!",
            "Love it",
            "Great, thanks so much",
            "It arrived today and smells wonderful",
            "👍 delicious",
        ),
        ReplyKind.QUESTION: (
            "Which grind do you recommend for a moka pot?",
            "Can I still change the address of my order?",
            "One of the bags came open, what can we do?",
            "Do you have decaf again?",
            "When will the Ethiopian be back?",
        ),
        ReplyKind.STOP: ("STOP", "Stop", "unsubscribe"),
        ReplyKind.HELP: ("HELP",),
        ReplyKind.UNCLEAR: ("cancel my subscription please", "too many messages"),
    },
    "es": {
        ReplyKind.PRAISE: ("¡Muy rico, gracias!", "Me encanta"),
        ReplyKind.QUESTION: ("¿Tienen descafeinado?", "¿Puedo cambiar la dirección del pedido?"),
        ReplyKind.STOP: ("BAJA", "STOP"),
        ReplyKind.HELP: ("AYUDA",),
        ReplyKind.UNCLEAR: ("por favor stop a la suscripción de café",),
    },
    "de": {
        ReplyKind.PRAISE: ("Sehr lecker, danke!", "Schmeckt wunderbar"),
        ReplyKind.QUESTION: ("Wann kommt der Espresso wieder?", "Eine Tüte war offen, was nun?"),
        ReplyKind.STOP: ("STOPP", "abmelden"),
        ReplyKind.HELP: ("HILFE",),
        ReplyKind.UNCLEAR: ("Bitte Stopp für das Abo",),
    },
}
ANSWERS: Final = {
    "en": "Good question! We have just checked, and Maria has sent you an e-mail with the details.",
    "es": "¡Buena pregunta! María le ha enviado los detalles por correo.",
    "de": "Gute Frage! Maria hat Ihnen gerade die Einzelheiten gemailt.",
}
_CLICKS, _ROBOT_CLICKS, _BUYS_AFTER_CLICK = 0.24, 0.03, 0.3
_REPLIES_TO_LINK, _REPLIES_TO_WORDS = 0.02, 0.11
_KINDS: Final = {
    ReplyKind.PRAISE: 42,
    ReplyKind.QUESTION: 30,
    ReplyKind.STOP: 17,
    ReplyKind.HELP: 4,
    ReplyKind.UNCLEAR: 7,
}


def reactions(person: Customer, number: int, *, has_link: bool, seed: int) -> Sequence[Reacted]:
    """Return what a person does about the `number`-th text they received; the same arguments give the same answer."""
    chance = random.Random(f"reaction {seed} {person.place} {number}")  # noqa: S311 - a story that repeats, not a secret
    done: list[Reacted] = []
    if has_link and chance.random() < _ROBOT_CLICKS:
        done.append(Reacted(timedelta(seconds=3), CustomerReaction.ROBOT_CLICK))
    if has_link and chance.random() < _CLICKS:
        after = timedelta(minutes=chance.choice((2, 9, 30, 70, 180, 400)))
        done.append(Reacted(after, CustomerReaction.CLICK))
        if chance.random() < _BUYS_AFTER_CLICK:
            done.append(Reacted(after + timedelta(minutes=chance.choice((6, 12, 80))), CustomerReaction.ORDER))
    if chance.random() < (_REPLIES_TO_LINK if has_link else _REPLIES_TO_WORDS):
        kind = chance.choices([*_KINDS], [*_KINDS.values()])[0]
        words = chance.choice(WORDS[person.locale[:2]][kind])
        done.append(Reacted(timedelta(minutes=chance.choice((1, 4, 15, 50, 240))), CustomerReaction.REPLY, words, kind))
    return done
