"""The places of the console, in the order of its navigation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from services.console.accounts.sessions import SignedInPerson


@dataclass(frozen=True, slots=True)
class Place:
    """A page that the navigation leads to."""

    name: str
    """What `frame` is told, and the name of its icon in templates/icons.html."""
    label: str
    address: str
    scope: str
    """Who lacks it does not see the place."""
    group: str = ""
    """The heading above it; the first place of a group shows it."""
    counted_at: str = ""
    """Where a browser asks every half minute how many wait there for somebody: `{"count": 3}`; bounded and cheap."""


PLACES: Final = (
    Place("now", "Home", "/console", "metrics:read"),
    Place("inbox", "Inbox", "/console/inbox", "replies:read", counted_at="/console/inbox/waiting"),
    Place("messages", "Messages", "/console/messages", "metrics:read"),
    Place("people", "People", "/console/people", "follow-ups:read"),
    Place("results", "Results", "/console/results", "metrics:read"),
    Place("flows", "Flows", "/console/flows", "flows:read", "Flows"),
    Place("controls", "Pause and stop", "/console/controls", "controls:read", "Flows"),
    Place("deliverability", "Deliverability", "/console/deliverability", "operations:read", "Operations"),
    Place("sources", "Sources", "/console/sources", "operations:read", "Operations"),
    Place("notifications", "Notifications", "/console/notifications", "notifications:read", "Operations"),
    Place("consent", "Consent", "/console/consent", "consents:read", "Shop"),
    Place("settings", "Settings", "/console/settings", "metrics:read", "Shop"),
)
"""Pages that exist; one that comes later has no place here."""


def places_for(person: SignedInPerson) -> Sequence[tuple[str, Sequence[Place]]]:
    """Return the places that a person may open, under the headings of their groups."""
    groups: dict[str, list[Place]] = {}
    for place in PLACES:
        if person.may(place.scope):
            groups.setdefault(place.group, []).append(place)
    return list(groups.items())


def address_of(name: str) -> str:
    """Return where a place is; empty for one that does not exist."""
    return next((place.address for place in PLACES if place.name == name), "")
