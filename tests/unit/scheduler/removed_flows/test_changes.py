from datetime import datetime, timedelta
from uuid import UUID

import pytest

from services.scheduler.removed_flows.changes import REMOVED_AFTER, ChangeKind, FlowKey, KnownFlow, changes_of
from shared.ids import MerchantId
from shared.testing.clock import START

ACME = MerchantId("acme")
FOLDER, CART = FlowKey.whole(ACME), FlowKey(ACME, "cart")
PAUSE = UUID(int=1)
LONG_AGO = START - REMOVED_AFTER
FILES = {FOLDER: "", CART: "v1"}
WITHOUT_CART = {FOLDER: ""}


def known(version: str = "v1", missing_since: datetime | None = None, **more: object) -> KnownFlow:
    return KnownFlow(CART, version, missing_since, **more)  # type: ignore[arg-type] # keyword arguments are checked where they are read


def kinds(
    files: dict[FlowKey, str], *flows: KnownFlow, texts: int = 0, before: dict[FlowKey, str] | None = None
) -> list[tuple[str, ChangeKind]]:
    stored = [KnownFlow(FOLDER, ""), *flows]
    found = changes_of(files, before or {}, stored, {CART: texts, FOLDER: texts}, START)
    return [(change.key.flow, change.kind) for change in found]


def test_what_is_in_the_files_as_it_was_is_no_change() -> None:
    assert kinds(FILES, known()) == []


def test_a_flow_that_was_never_stored_is_added() -> None:
    assert kinds(FILES) == [("cart", ChangeKind.ADDED)]


def test_a_flow_of_which_only_planned_texts_were_known_is_added() -> None:
    assert kinds(FILES, known("")) == [("cart", ChangeKind.ADDED)]


def test_another_version_is_a_change() -> None:
    assert kinds(FILES, known("v0")) == [("cart", ChangeKind.CHANGED)]


def test_a_version_that_another_process_stored_is_its_own_to_say() -> None:
    assert kinds(FILES, known("v2"), before=FILES) == []


def test_a_flow_in_no_file_is_missing_at_first_and_no_more_for_a_minute() -> None:
    assert kinds(WITHOUT_CART, known(), texts=3) == [("cart", ChangeKind.MISSING)]
    just_before = LONG_AGO + timedelta(microseconds=1)
    assert kinds(WITHOUT_CART, known(missing_since=just_before), texts=3) == []


def test_a_flow_that_was_missing_for_a_minute_is_removed_if_texts_are_planned() -> None:
    assert kinds(WITHOUT_CART, known(missing_since=LONG_AGO), texts=3) == [("cart", ChangeKind.REMOVED)]
    assert kinds(WITHOUT_CART, known(missing_since=LONG_AGO)) == []


@pytest.mark.parametrize("texts", [0, 3])
def test_a_removal_that_was_answered_is_not_answered_again(texts: int) -> None:
    assert kinds(WITHOUT_CART, known(missing_since=LONG_AGO, control_id=PAUSE), texts=texts) == []


def test_a_pause_without_texts_has_nothing_to_do() -> None:
    paused = known(missing_since=LONG_AGO, control_id=PAUSE, is_paused=True)
    assert kinds(WITHOUT_CART, paused, texts=1) == []
    assert kinds(WITHOUT_CART, paused) == [("cart", ChangeKind.EMPTIED)]


def test_a_flow_is_back_with_whatever_version() -> None:
    assert kinds({FOLDER: "", CART: "v2"}, known(missing_since=LONG_AGO)) == [("cart", ChangeKind.BACK)]


def test_a_folder_that_is_gone_is_answered_as_a_whole() -> None:
    assert kinds({}, known(), texts=3) == [("*", ChangeKind.MISSING)]
    gone = KnownFlow(FOLDER, "", LONG_AGO)
    found = changes_of({}, {}, [gone, known()], {CART: 3, FOLDER: 3}, START)
    assert [(change.key, change.kind, change.texts) for change in found] == [(FOLDER, ChangeKind.REMOVED, 3)]


def test_a_folder_that_comes_back_without_a_flow_misses_it_from_then_on() -> None:
    found = changes_of(WITHOUT_CART, {}, [KnownFlow(FOLDER, "", LONG_AGO), known()], {CART: 3}, START)
    assert [(change.key, change.kind) for change in found] == [(FOLDER, ChangeKind.BACK), (CART, ChangeKind.MISSING)]
