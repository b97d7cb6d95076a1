import pytest

from services.cli.doctor import without_password
from services.cli.status import reported

SCRAPED = """# TYPE followup_parked_events gauge
followup_parked_events{service="ingest"} 0.0
followup_parked_events{service="sender"} %s
# TYPE followup_timers_oldest_due_seconds gauge
followup_timers_oldest_due_seconds 0.0
# TYPE followup_outbox_rows gauge
# TYPE process_resident_memory_bytes gauge
process_resident_memory_bytes 1.85e+08
"""


@pytest.mark.parametrize(("parked", "words"), [("0.0", "none"), ("3.0", "3 in sender")])
def test_only_what_is_not_nothing_is_said_of_each_service(parked: str, words: str) -> None:
    assert reported(SCRAPED % parked) == [
        "oldest text that is due: 0 s late",
        f"parked events: {words}",
        "memory: 185,000,000 bytes",
    ]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("postgresql://sender:s3cr:et@db.example/followup", "postgresql://sender:•••@db.example/followup"),
        ("postgresql://sender@db.example/followup", "postgresql://sender@db.example/followup"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("a:b@c", "a:b@c"),
    ],
)
def test_a_password_in_an_address_is_not_shown(value: str, shown: str) -> None:
    assert without_password(value) == shown
