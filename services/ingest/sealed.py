"""What rests sealed in ingest, and the place of each value."""

from typing import Final

from services.ingest.tables import deliveries, former_people, subjects
from shared import places
from shared.db.resealing import Sealed

SEALED: Final[Sealed] = {
    deliveries: {
        "body": lambda row: places.delivery_body(row["delivery_id"]),
        "headers": lambda row: places.delivery_headers(row["delivery_id"]),
    },
    subjects: {"contact": lambda row: places.contact(row["recipient_id"])},
    former_people: {"contact": lambda row: places.contact(row["recipient_id"])},
}
"""Sealed again when the key changes."""
