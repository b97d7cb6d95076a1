"""What rests sealed in the scheduler, and the place of each value."""

from typing import Final

from services.scheduler.tables import follow_ups, triggers_seen
from shared import places
from shared.db.resealing import Sealed

SEALED: Final[Sealed] = {
    follow_ups: {
        "body": lambda row: places.text_body(row["id"]),
        "contact": lambda row: places.contact(row["recipient_id"]),
        "facts": lambda row: places.text_facts(row["id"]),
    },
    triggers_seen: {"facts": lambda row: places.trigger_facts(row["event_id"])},
}
"""Sealed again when the key changes."""
