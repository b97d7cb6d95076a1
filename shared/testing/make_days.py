"""Days at a shop: a plausible stream of facts about many texts, the same for the same seed."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from shared.events.dispatch import ErrorClass
from shared.events.engagement import ReplyClass
from shared.events.envelope import Event
from shared.events.follow_up import Purpose
from shared.testing.make_metrics import TextFacts

_PLANS = (
    ("order-thank-you", "thanks", Purpose.TRANSACTIONAL, "first-order"),
    ("order-thank-you", "review", Purpose.MARKETING, "first-order"),
    ("abandoned-cart", "reminder", Purpose.MARKETING, "returning"),
    ("back-in-stock", "notice", Purpose.MARKETING, None),
)


def days_at_a_shop(now: datetime, texts: int, days: float, seed: int = 7) -> Iterator[Event]:
    """Yield a plausible history that ends at `now`: most texts arrive, some wait, a few never go."""
    chance = random.Random(seed)  # noqa: S311 - a play, not a secret
    for ordinal in range(1, texts + 1):
        ago = timedelta(days=days) * (1 - ordinal / texts) + timedelta(minutes=chance.uniform(0, 90))
        flow, step, purpose, segment = chance.choices(_PLANS, (5, 3, 3, 1))[0]
        text = TextFacts(ordinal, now - ago, flow=flow, step=step, purpose=purpose, segment=segment)
        yield from (event for event in _life(text, chance) if event.occurred_at <= now)


def _life(text: TextFacts, chance: random.Random) -> Iterator[Event]:
    """Yield what happens to one text of the play."""
    yield text.purchase(minor=chance.choice((1900, 2900, 4900, 7900, 12900)))
    asked = text.at + timedelta(minutes=chance.choice((1, 5, 20)))
    yield text.planned(asked)
    yield text.due(asked)
    fate = chance.random()
    said = asked + timedelta(milliseconds=180)
    release = 1
    if fate < 0.06:  # noqa: PLR2004 - parts of a hundred
        yield text.blocked(said, reason=chance.choice(("no_consent", "no_consent", "opted_out", "invalid_number")))
        return
    if fate < 0.08:  # noqa: PLR2004 - parts of a hundred
        yield text.cancelled(said, release=1)
        return
    if fate < 0.2:  # noqa: PLR2004 - parts of a hundred
        until = said + timedelta(minutes=chance.randint(20, 300))
        reason, rules = chance.choice((("quiet_hours", ("US-FL",)), ("quiet_hours", ("US",)), ("frequency_cap", ())))
        yield text.deferred(until, said, reason=reason, rules=rules)
        release, said = 2, until + timedelta(milliseconds=200)
        yield text.due(until, release=2)
    yield text.cleared(said, release)
    sent = said + timedelta(milliseconds=chance.randint(150, 900))
    if fate > 0.992:  # noqa: PLR2004 - parts of a hundred
        yield text.unknown(sent + timedelta(minutes=15), release)
        return
    yield text.accepted(sent, release)
    arrived = sent + timedelta(seconds=chance.uniform(0.8, 9))
    if fate > 0.97:  # noqa: PLR2004 - parts of a hundred
        error = chance.choice((ErrorClass.UNREACHABLE, ErrorClass.FILTERED, ErrorClass.NOT_MOBILE))
        yield text.failed(arrived, release, error_class=error)
        return
    yield text.delivered(arrived, release)
    yield from _reactions(text, arrived, chance)


def _reactions(text: TextFacts, arrived: datetime, chance: random.Random) -> Iterator[Event]:
    """Yield what the person does."""
    if chance.random() < 0.3:  # noqa: PLR2004 - parts of a hundred
        yield text.click(1, arrived + timedelta(seconds=1), robot=True)
    if chance.random() < 0.34:  # noqa: PLR2004 - parts of a hundred
        opened = arrived + timedelta(minutes=chance.uniform(0.5, 50))
        yield text.click(1, opened)
        if chance.random() < 0.3:  # noqa: PLR2004 - parts of a hundred
            yield text.conversion(1, opened + timedelta(minutes=chance.uniform(2, 60)), chance.choice((2900, 4900)))
    reaction = chance.random()
    wrote = arrived + timedelta(minutes=chance.uniform(0.3, 30))
    if reaction < 0.012:  # noqa: PLR2004 - parts of a hundred
        yield text.reply(ReplyClass.OPT_OUT, at=wrote)
        yield text.opted_out(wrote, chance.randint(20, 260))
    elif reaction < 0.05:  # noqa: PLR2004 - parts of a hundred
        yield text.reply(ReplyClass.OTHER, at=wrote)
