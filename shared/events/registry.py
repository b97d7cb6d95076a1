"""Every event type; importing the modules here declares them."""

from shared.events import consent, control, dispatch, engagement, follow_up, privacy, trigger
from shared.events.envelope import Event, declared

_MODULES = (trigger, consent, control, privacy, follow_up, dispatch, engagement)
"""In the order in which they occur to a text."""


def registry() -> dict[str, type[Event]]:
    """Return every event type by its name, in the order of the story."""
    known = declared()
    order = [module.__name__ for module in _MODULES]
    return dict(sorted(known.items(), key=lambda entry: order.index(entry[1].__module__)))
