"""What the services' answers ask for, as sentences with a button each (pure)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from services.console.approvals import ShownApproval
from services.console.navigation import address_of
from services.console.notifications import MOST_GIVEN_UP, ShownEndpoint
from services.console.parked import MOST_COUNTED, NAMES
from services.console.senders import ShownNumber
from services.console.words import masked_number, sentence, words

_NAMED: Final = 3
"""How many of a kind are named one by one."""
Answer = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that waits for somebody."""

    urgency: Literal["bad", "wait", "plain"]
    """The tone of its mark; the page shows the urgent ones first."""
    words: str
    detail: str = ""
    button: str = ""
    address: str = ""
    """Empty: there is no page for it, and `detail` says what to do."""
    since: datetime | None = None


def unknown_texts(answer: Answer) -> Sequence[Need]:
    """Return what texts without an answer ask for."""
    count = int(answer["count"])
    if not count:
        return ()
    many = f"{count:,} texts" if count > 1 else "1 text"
    verb = "were" if count > 1 else "was"
    detail = "They are not sent again by themselves. Look at the provider's log, and say what became of them."
    return [
        Need(
            "bad",
            f"Nobody knows whether {many} {verb} sent",
            detail if count > 1 else detail.replace("They are", "It is").replace("of them", "of it"),
            "Look",
            address_of("deliverability"),
        )
    ]


def sources(answer: Answer) -> Sequence[Need]:
    """Return which sources are silent, and what waits in quarantine."""
    at = address_of("sources")
    found = []
    waiting = sum(each["quarantined"] for each in answer["sources"])
    if waiting:
        many = "deliveries" if waiting > 1 else "delivery"
        text = "They are kept, and can be read again once the cause is mended."
        found.append(Need("bad", f"{waiting:,} {many} could not be read", text, "Look", at))
    for each in answer["sources"]:
        if each["is_configured"] and each["silent_since"] and each["source"] != "api":
            since = datetime.fromisoformat(each["silent_since"])
            text = "A shop that sells reports more often; look at the platform's list of failed webhooks."
            found.append(Need("wait", f"{each['source']} has brought nothing", text, "Look", at, since))
    return found


def parked(answer: Answer) -> Sequence[Need]:
    """Return what a service's parked events ask for."""
    count = int(answer["count"])
    if not count:
        return ()
    many = f"{count:,}{'+' if count >= MOST_COUNTED else ''} event{' is' if count == 1 else 's are'}"
    where = NAMES.get(answer["service"], answer["service"])
    text = "Texts of these people may be late. Mend the cause, and have them handled again."
    return [Need("bad", f"{many} parked at {where}", text, "Look", "/console/parked")]


def replies_to_review(answer: Answer) -> Sequence[Need]:
    """Return what replies ask for that may be opt-outs."""
    count = len(answer["conversations"])
    if not count:
        return ()
    more = "+" if answer["next_cursor"] else ""
    return [
        Need(
            "bad",
            f"{count}{more} repl{'y' if count == 1 else 'ies'} may be an opt-out",
            "Marketing to these people waits until somebody decides.",
            "Decide",
            f"{address_of('inbox')}?show=needs_review",
        )
    ]


def held_numbers(answer: Answer) -> Sequence[Need]:
    """Return which numbers may not call now, and why."""
    at, found = address_of("deliverability"), []
    for each in map(ShownNumber.model_validate, answer["numbers"]):
        if each.is_held:
            name, tone = each.state_words
            waiting = f"{each.queue_words} text{' waits' if each.queued == 1 else 's wait'} for it; "
            text = f"{waiting if each.queued else ''}{each.reason_words}."
            number = masked_number(each.number)
            words_of_it = f"The number {number} is {name}"
            found.append(Need("bad" if tone == "bad" else "wait", words_of_it, sentence(text), "Look", f"{at}#numbers"))
    more = len(found) - _NAMED
    rest = [Need("wait", f"{more:,} more number{' is' if more == 1 else 's are'} held", "", "Look", f"{at}#numbers")]
    return found[:_NAMED] + (rest if more > 0 else [])


def unusable_accounts(answer: Answer) -> Sequence[Need]:
    """Return which provider accounts cannot be used."""
    return [
        Need(
            "bad",
            f"The provider account {each['provider']} cannot be used",
            "A setting or secret of it in merchant.yaml is missing or wrong; followup doctor says which.",
            "Look",
            f"{address_of('deliverability')}#providers",
        )
        for each in answer["providers"]
        if not each["is_usable"]
    ][:_NAMED]


def notifications(answer: Answer) -> Sequence[Need]:
    """Return which endpoints take no notifications, and how many were given up."""
    at, found = address_of("notifications"), []
    failing = [each for each in map(ShownEndpoint.model_validate, answer["endpoints"]) if each.failing_since]
    for each in failing[:_NAMED]:
        text = f"{each.waiting:,} wait{'s' if each.waiting == 1 else ''} for it." if each.waiting else ""
        found.append(Need("wait", f"{each.name} takes no notifications", text, "Look", at, each.failing_since))
    if count := int(answer["given_up"]):
        many = f"{count:,}{'+' if count >= MOST_GIVEN_UP else ''} notification{'' if count == 1 else 's'}"
        text = "They can be sent again once the endpoint takes them." if count > 1 else "It can be sent again."
        found.append(Need("wait", f"{many} could not be delivered", text, "Look", f"{at}?state=dead"))
    return found


def holds(answer: Answer) -> Sequence[Need]:
    """Return which limits are met."""
    found = []
    run, people, spend = answer["neighbouring_numbers"], answer["new_people"], answer["spend"]
    at = address_of("deliverability")
    if run["held_since"]:
        since = datetime.fromisoformat(run["held_since"])
        text = "Many of the newest people have neighbouring numbers, as in fraud."
        found.append(Need("bad", "Texts to new people are held", text, "Look", at, since))
    if people["per_hour"] and people["this_hour"] >= people["per_hour"]:
        text = (
            f"{people['this_hour']:,} of {people['per_hour']:,} first texts this hour; the rest wait for the next one."
        )
        found.append(Need("wait", "This hour's limit of new people is reached", text, "Look", at))
    if float(spend["per_day"]) and float(spend["today"]) >= float(spend["per_day"]):
        text = f"{float(spend['today']):,.2f} of {float(spend['per_day']):,.2f} {spend['currency']}."
        found.append(Need("wait", "Today's spending limit is reached, and marketing waits", text, "Look", at))
    return found


def controls(answer: Answer) -> Sequence[Need]:
    """Return what is paused or stopped."""
    found = [each for each in answer["controls"] if not each["lifted_at"]]
    if not found:
        return ()
    paused = sum(each["action"] == "pause" for each in found)
    parts = [f"{number} {name}" for number, name in ((paused, "paused"), (len(found) - paused, "stopped")) if number]
    waiting = sum(each["waiting"] for each in found)
    more = "+" if answer["next_cursor"] else ""
    text = f"{waiting:,} due text{' waits' if waiting == 1 else 's wait'} for it." if waiting else ""
    return [Need("wait", f"Texts are held: {' and '.join(parts)}{more}", text, "See", address_of("controls"))]


def second_yes(answer: Answer) -> Sequence[Need]:
    """Return what others ask this person to say yes to."""
    at = f"{address_of('controls')}#approvals"
    found = [ShownApproval.model_validate(each) for each in answer["approvals"] if each["may_say_yes"]]
    needs = [
        Need(
            "wait",
            f"{each.asker} asks to let {each.what} go",
            "They wait for a second person's yes.",
            "Decide",
            at,
        )
        for each in found[:_NAMED]
    ]
    more = len(found) - _NAMED
    rest = [Need("wait", f"{more:,} more question{' waits' if more == 1 else 's wait'} for a yes", "", "Decide", at)]
    return needs + (rest if more > 0 else [])


def removed_flows(answer: Answer) -> Sequence[Need]:
    """Return which flows are gone from the files while their texts wait for an answer."""
    found = [each for each in answer["removed"] if (each["control"] or {}).get("action") == "pause"]
    return [
        Need(
            "wait",
            f"The flow {words(each['flow'])} is in no file, and {each['planned_texts']:,} of its texts wait",
            "Let them go on, or stop them.",
            "Decide",
            address_of("controls"),
        )
        for each in found[:_NAMED]
    ]
