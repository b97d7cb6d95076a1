"""Which partition a recipient belongs to: the same one on every topic, in every service, for ever.

The CRC-32 (ISO 3309, as zlib computes it) of the recipient id's 16 bytes, modulo the number of partitions. The id
is a keyed hash already, so this spreads evenly; it is not Kafka's own partitioner, because publishers, timers and
consumers must agree on it without asking a client library.
"""

import zlib
from collections.abc import Sequence
from uuid import UUID

from shared.ids import RecipientId

WHOLE_MERCHANT = RecipientId(UUID(int=0))
"""The recipient of an event about a whole merchant."""


def partition_of(recipient_id: RecipientId, partitions: int) -> int:
    """Return the partition of a person, from 0 to `partitions` - 1."""
    return zlib.crc32(recipient_id.bytes) % partitions


def partitions_of(recipient_id: RecipientId, partitions: int) -> Sequence[int]:
    """Return where an event about this recipient goes: one partition, or all if it is about a whole merchant."""
    return range(partitions) if recipient_id == WHOLE_MERCHANT else (partition_of(recipient_id, partitions),)
