"""How an event travels in a Kafka record: CloudEvents 1.0 in binary mode, keyed by recipient.

    key      16 bytes of the recipient id
    value    the event's JSON
    headers  ce_specversion: 1.0          ce_id: 01932f5e-…           ce_source: /followup/scheduler
             ce_type: follow-up.due       ce_time: 2026-12-01T13:00:00.000000Z
             content-type: application/json

Source: CloudEvents Kafka protocol binding 1.0.2, section 3.2 (binary content mode: attributes as `ce_` headers).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared import ids
from shared.errors import ConfigurationFault
from shared.events.topics import Topic
from shared.ids import EventId, RecipientId

Headers = Sequence[tuple[str, bytes]]

MARKS_TOPIC = "marks.v1"
"""Not a topic of events: one partition in which relays publish up to when their services' events are in the log."""
_TYPE = "ce_type"
_CONSTANT: tuple[tuple[str, bytes], ...] = (("ce_specversion", b"1.0"), ("content-type", b"application/json"))
_KEY_BYTES = 16


@dataclass(frozen=True, slots=True)
class KafkaCluster:
    """Where the log is and how it is partitioned; the same for every service."""

    bootstrap: str
    """`host:port`, several separated by commas."""
    partitions: int = 12
    """Of each topic; never changed without a drain."""
    replication: int = 1
    """Copies of each partition; production wants 3, of which all but one must have a record before it counts."""
    prefix: str = ""
    """Prefix of each topic's and group's name, where several installations share one cluster."""
    access: Mapping[str, Any] = field(default_factory=lambda: {"security_protocol": "PLAINTEXT"}, repr=False)
    """The client library's options for encryption and authentication; may hold a password."""

    def topic(self, topic: str) -> str:
        """Return the name a topic has on the cluster."""
        return f"{self.prefix}{topic}"

    def check(self, topic: str, partitions: Collection[int] | int) -> None:
        """Check that a topic has the expected number of partitions.

        Raises:
            ConfigurationFault: it has another number.
        """
        count = partitions if isinstance(partitions, int) else len(partitions)
        if count != self.partitions:
            raise ConfigurationFault(
                f"the topic {self.topic(topic)} has {count} partitions and this process expects {self.partitions}; "
                "recipients would move to other partitions: set FOLLOWUP_KAFKA_PARTITIONS to its number, or drain first"
            )


@dataclass(frozen=True, slots=True)
class KafkaRecord:
    """One event on its way into the log."""

    number: int
    """The caller's own number for it, to say which records arrived."""
    topic: Topic
    type: str
    event_id: EventId
    recipient_id: RecipientId
    occurred_at: datetime
    body: bytes


def headers(record: KafkaRecord, source: str) -> Headers:
    """Return the CloudEvents attributes of an event that `source` publishes."""
    return [
        *_CONSTANT,
        ("ce_id", str(record.event_id).encode()),
        ("ce_source", f"/followup/{source}".encode()),
        (_TYPE, record.type.encode()),
        ("ce_time", record.occurred_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ").encode()),
    ]


def type_of(headers: Headers) -> str | None:
    """Return the event type of a record; None if it has none, and so is not ours."""
    for name, value in headers:
        if name == _TYPE:
            return value.decode(errors="replace")
    return None


def recipient_of(key: bytes | None) -> RecipientId | None:
    """Return the recipient a record is about; None if its key is not ours."""
    return RecipientId(ids.of_bytes(key)) if key is not None and len(key) == _KEY_BYTES else None
