"""Canonical bytes and the chain: the same entry hashes the same, and no change goes unseen."""

import json
from dataclasses import fields, replace
from datetime import UTC, datetime
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.compliance.ledger.entries import LedgerEntry
from shared.chain import GENESIS, JSONValue, canonical_json, chained, daily_root, first_break
from shared.events.consent import ConsentAct, ConsentLevel, ConsentScope
from shared.ids import EventId, MerchantId, RecipientId

ENTRY = LedgerEntry(
    entry_id=EventId(UUID(int=7)),
    merchant_id=MerchantId("acme"),
    recipient_id=RecipientId(UUID(int=1)),
    act=ConsentAct.GRANTED,
    scope=ConsentScope.MARKETING,
    level=ConsentLevel.PEWC,
    recorded_at=datetime(2026, 11, 30, 20, 0, 1, 5, tzinfo=UTC),
    captured_at=datetime(2026, 11, 30, 20, tzinfo=UTC),
    method="checkout",
    source="https://acme.example/checkout",
    checkbox_default=False,
)


def chain(count: int) -> list[tuple[bytes, str]]:
    links: list[tuple[bytes, str]] = []
    for number in range(count):
        canonical = replace(ENTRY, entry_id=EventId(UUID(int=number))).canonical()
        links.append((canonical, chained(links[-1][1] if links else GENESIS, canonical)))
    return links


def test_canonical_json_is_the_example_of_its_standard() -> None:
    # Key order of RFC 8785 section 3.2.3: by UTF-16 code units, so the emoji sorts before the private-use character.
    keys: dict[str, JSONValue] = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\u0080": 6, "\u00f6": 7}
    assert list(json.loads(canonical_json(keys)).values()) == [2, 4, 6, 7, 1, 5, 3]


def test_canonical_json_has_no_spaces_and_plain_utf_8() -> None:
    assert canonical_json({"b": [True, None, "é"], "a": {"d": 1, "c": "\n"}}) == (
        '{"a":{"c":"\\n","d":1},"b":[true,null,"é"]}'.encode()
    )


@pytest.mark.parametrize("value", [1.5, float("nan"), {1, 2}, object()])
def test_what_has_no_one_spelling_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        canonical_json({"a": value})  # type: ignore[dict-item] # the point of the test


def test_an_integer_that_other_readers_would_round_is_refused() -> None:
    assert canonical_json({"a": 2**53 - 1}) == b'{"a":9007199254740991}'
    with pytest.raises(ValueError, match="integer"):
        canonical_json({"a": 2**53})


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.integers(-1000, 1000) | st.booleans()))
def test_the_order_of_keys_does_not_matter(mapping: dict[str, int]) -> None:
    assert canonical_json(dict(reversed(mapping.items()))) == canonical_json(mapping)
    assert json.loads(canonical_json(mapping)) == mapping


def test_truth_and_numbers_of_an_entry_are_in_its_canonical_bytes_as_they_are() -> None:
    written = json.loads(replace(ENTRY, keyword_seq=7, not_condition_of_purchase=True).canonical())
    assert (written["checkbox_default"], written["not_condition_of_purchase"]) == (False, True)
    assert (written["keyword_seq"], written["cause"]) == (7, None)
    assert written["recorded_at"] == 1_796_068_801_000_005


def test_every_field_of_an_entry_is_in_its_canonical_bytes() -> None:
    assert set(json.loads(ENTRY.canonical())) == {field.name for field in fields(LedgerEntry)}


def test_the_fields_of_an_entry_stand_in_canonical_order() -> None:
    written = replace(ENTRY, method="keyword é\u2028", keyword_seq=7).canonical()
    assert written == canonical_json(json.loads(written))


def test_a_keyword_number_that_other_readers_would_round_is_refused() -> None:
    with pytest.raises(ValueError, match="integer"):
        replace(ENTRY, keyword_seq=2**53).canonical()


def test_instants_are_whole_microseconds() -> None:
    assert json.loads(ENTRY.canonical())["recorded_at"] == 1_796_068_801_000_005


def test_an_untouched_chain_verifies() -> None:
    assert first_break([]) is None
    assert first_break(chain(5)) is None


@pytest.mark.parametrize("position", range(5))
def test_a_changed_entry_breaks_the_chain_where_it_stands(position: int) -> None:
    links = chain(5)
    links[position] = (links[position][0].replace(b"acme", b"acne"), links[position][1])
    assert first_break(links) == position


def test_a_removed_or_swapped_entry_breaks_the_chain() -> None:
    links = chain(5)
    assert first_break(links[:2] + links[3:]) == 2
    assert first_break([links[0], links[2], links[1], *links[3:]]) == 1
    assert first_break(links[1:]) == 0


def test_each_hash_depends_on_the_one_before() -> None:
    assert all(before != after for (_, before), (_, after) in pairwise(chain(3)))
    assert chained(GENESIS, b"{}") != chained("1" * 64, b"{}")


def test_a_daily_root_names_the_merchant_the_day_the_day_before_and_every_head() -> None:
    heads = {"b": "2", "a": "1"}
    root = daily_root("acme", "2026-12-01", GENESIS, heads)
    assert root == daily_root("acme", "2026-12-01", GENESIS, dict(reversed(heads.items())))
    others = {
        daily_root("other", "2026-12-01", GENESIS, heads),
        daily_root("acme", "2026-12-02", GENESIS, heads),
        daily_root("acme", "2026-12-01", "1" * 64, heads),
        daily_root("acme", "2026-12-01", GENESIS, {"a": "1"}),
    }
    assert len({root, *others}) == 5
