"""What claims add up to: source order, opt-outs that hold, START that restores and creates nothing."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.compliance.ledger.entries import LedgerEntry
from services.compliance.ledger.standing import ScopeStanding, Standing, fold, standing_as_bytes, standing_of
from shared.events.consent import ConsentAct, ConsentLevel, ConsentScope, SuppressionCause
from shared.events.follow_up import Purpose
from shared.ids import EventId, MerchantId, RecipientId
from shared.rules.table import ConsentStatus

DAY_0 = datetime(2026, 11, 1, 12, tzinfo=UTC)
LATER = DAY_0 + timedelta(days=100)
GRANTED, REVOKED, RESTORED = ConsentAct.GRANTED, ConsentAct.REVOKED, ConsentAct.RESTORED
PENDING, CONFIRMED, IMPORTED, EXPIRED = (
    ConsentAct.PENDING,
    ConsentAct.CONFIRMED,
    ConsentAct.IMPORTED,
    ConsentAct.EXPIRED,
)


def day(number: float) -> datetime:
    return DAY_0 + timedelta(days=number)


def claim(number: int, act: ConsentAct, at: float | None = None, **fields: Any) -> LedgerEntry:
    """Return a claim captured on day `at` (None: undated) and, unless said otherwise, recorded then."""
    defaults: dict[str, Any] = {
        "entry_id": EventId(UUID(int=number)),
        "merchant_id": MerchantId("acme"),
        "recipient_id": RecipientId(UUID(int=1)),
        "act": act,
        "scope": ConsentScope.ALL,
        "level": ConsentLevel.PEWC if act is GRANTED else ConsentLevel.UNKNOWN,
        "captured_at": None if at is None else day(at),
        "recorded_at": day(99 if at is None else at),
        "method": "api",
        "source": "test",
    }
    return LedgerEntry(**(defaults | fields))


def status(*entries: LedgerEntry, purpose: Purpose = Purpose.MARKETING, now: datetime = LATER) -> ConsentStatus:
    return fold(entries).consent_for(purpose, now).status


def test_nothing_is_no_consent() -> None:
    assert status() is ConsentStatus.NONE


def test_a_grant_stands() -> None:
    assert status(claim(1, GRANTED, 1)) is ConsentStatus.PEWC


def test_a_newer_opt_out_ends_it() -> None:
    consent = fold([claim(1, GRANTED, 1), claim(2, REVOKED, 2)]).consent_for(Purpose.MARKETING, LATER)
    assert (consent.status, consent.revoked_at) == (ConsentStatus.REVOKED, day(2))


@pytest.mark.parametrize("at", [None, 1.0, 2.0])
def test_an_older_simultaneous_or_undated_grant_never_overturns_an_opt_out(at: float | None) -> None:
    late = claim(9, GRANTED, at, recorded_at=day(50))
    assert status(claim(1, REVOKED, 2), late) is ConsentStatus.REVOKED


def test_a_newer_grant_overturns_an_opt_out() -> None:
    assert status(claim(1, REVOKED, 2), claim(2, GRANTED, 3)) is ConsentStatus.PEWC


def test_a_grant_after_an_opt_out_starts_afresh() -> None:
    weaker = claim(3, GRANTED, 3, level=ConsentLevel.EXPRESS)
    assert status(claim(1, GRANTED, 1), claim(2, REVOKED, 2), weaker) is ConsentStatus.EXPRESS


@pytest.mark.parametrize("level", [ConsentLevel.CONTRACT, ConsentLevel.IMPLIED, ConsentLevel.SOFT_OPT_IN])
def test_a_purchase_after_an_opt_out_overturns_nothing(level: ConsentLevel) -> None:
    bought_again = claim(3, GRANTED, 3, level=level)
    assert status(claim(1, GRANTED, 1), claim(2, REVOKED, 2), bought_again) is ConsentStatus.REVOKED


def test_a_grant_dated_in_the_future_counts_only_from_when_it_was_recorded() -> None:
    early_bird = claim(1, GRANTED, 90, recorded_at=day(1))
    assert status(early_bird, claim(2, REVOKED, 2)) is ConsentStatus.REVOKED


def test_an_undated_opt_out_counts_from_when_it_was_recorded() -> None:
    undated = claim(2, REVOKED, None, recorded_at=day(5))
    assert status(claim(1, GRANTED, 4), undated) is ConsentStatus.REVOKED
    assert status(claim(1, GRANTED, 6), undated) is ConsentStatus.PEWC


def test_an_undated_grant_stands_without_an_opt_out() -> None:
    consent = fold([claim(1, GRANTED, None)]).consent_for(Purpose.MARKETING, LATER)
    assert (consent.status, consent.captured_at) == (ConsentStatus.PEWC, None)


def test_start_restores_what_stop_took() -> None:
    stop, start = claim(2, REVOKED, 2, keyword_seq=1), claim(3, RESTORED, 3, keyword_seq=2)
    assert status(claim(1, GRANTED, 1), stop, start) is ConsentStatus.PEWC


def test_start_creates_no_consent_that_never_existed() -> None:
    assert status(claim(2, REVOKED, 2), claim(3, RESTORED, 3, level=ConsentLevel.PEWC)) is ConsentStatus.NONE


def test_a_second_stop_does_not_make_start_forget() -> None:
    assert status(claim(1, GRANTED, 1), claim(2, REVOKED, 2), claim(3, REVOKED, 3), claim(4, RESTORED, 4)) is (
        ConsentStatus.PEWC
    )


def test_start_does_not_bring_in_an_undated_grant_recorded_after_stop() -> None:
    undated = claim(1, GRANTED, None, recorded_at=day(3))
    assert status(claim(2, REVOKED, 2), undated, claim(3, RESTORED, 4)) is ConsentStatus.NONE


def test_an_undated_start_lifts_nothing() -> None:
    assert status(claim(1, GRANTED, 1), claim(2, REVOKED, 2), claim(3, RESTORED, None)) is ConsentStatus.REVOKED


def test_an_old_start_that_arrives_after_a_new_stop_lifts_nothing() -> None:
    new_stop = claim(2, REVOKED, 3, keyword_seq=6)
    old_start = claim(3, RESTORED, 4, keyword_seq=5)  # its clock was ahead; its number was not
    standing = fold([claim(1, GRANTED, 1), new_stop, old_start])
    assert standing.consent_for(Purpose.MARKETING, LATER).status is ConsentStatus.REVOKED
    assert standing.keyword_seq == 6


def test_start_in_the_same_second_as_stop_is_ordered_by_its_number() -> None:
    stop, start = claim(2, REVOKED, 2, keyword_seq=1), claim(3, RESTORED, 2, keyword_seq=2)
    assert status(claim(1, GRANTED, 1), start, stop) is ConsentStatus.PEWC


def test_pending_is_no_consent_and_takes_none_away() -> None:
    assert status(claim(1, PENDING, 1)) is ConsentStatus.PENDING
    assert status(claim(1, GRANTED, 1), claim(2, PENDING, 2)) is ConsentStatus.PEWC
    assert status(claim(1, REVOKED, 1), claim(2, PENDING, 2)) is ConsentStatus.REVOKED


def test_a_confirmation_that_names_its_level_gives_that_one() -> None:
    asked = claim(1, PENDING, 1, level=ConsentLevel.EXPRESS)
    assert status(asked, claim(2, CONFIRMED, 2, level=ConsentLevel.PEWC)) is ConsentStatus.PEWC
    assert status(claim(2, CONFIRMED, 2, level=ConsentLevel.PEWC)) is ConsentStatus.PEWC
    assert status(claim(2, CONFIRMED, 2)) is ConsentStatus.UNKNOWN


def test_a_confirmation_gives_the_level_that_was_pending() -> None:
    assert status(claim(1, PENDING, 1, level=ConsentLevel.PEWC), claim(2, CONFIRMED, 2)) is ConsentStatus.PEWC


def test_an_import_without_date_or_evidence_is_worth_nothing() -> None:
    bare = claim(1, IMPORTED, 1, level=ConsentLevel.PEWC)
    shown = claim(1, IMPORTED, 1, level=ConsentLevel.PEWC, disclosure_sha256="00")
    undated = claim(1, IMPORTED, None, level=ConsentLevel.PEWC, disclosure_sha256="00")
    assert status(bare) is ConsentStatus.UNKNOWN
    assert status(undated) is ConsentStatus.UNKNOWN
    assert status(shown) is ConsentStatus.PEWC
    assert status(claim(2, REVOKED, 0), bare) is ConsentStatus.REVOKED


def test_consent_expires_on_its_own_and_by_declaration() -> None:
    ending = claim(1, GRANTED, 1, expires_at=day(10))
    assert status(ending, now=day(10) - timedelta(microseconds=1)) is ConsentStatus.PEWC
    assert status(ending, now=day(10)) is ConsentStatus.EXPIRED
    assert status(claim(1, GRANTED, 1), claim(2, EXPIRED, 2)) is ConsentStatus.EXPIRED
    assert status(claim(1, GRANTED, 1), claim(2, EXPIRED, 2), claim(3, GRANTED, 3)) is ConsentStatus.PEWC


def test_a_weaker_permission_does_not_replace_a_stronger_and_outlives_it() -> None:
    strong = claim(1, GRANTED, 1, expires_at=day(10))
    weak = claim(2, GRANTED, 2, level=ConsentLevel.IMPLIED, expires_at=day(20))
    assert status(strong, weak, now=day(5)) is ConsentStatus.PEWC
    assert status(strong, weak, now=day(15)) is ConsentStatus.IMPLIED


def test_an_opt_out_of_marketing_leaves_service_texts() -> None:
    stop = claim(2, REVOKED, 2, scope=ConsentScope.MARKETING)
    standing = fold([claim(1, GRANTED, 1), stop])
    assert standing.consent_for(Purpose.MARKETING, LATER).status is ConsentStatus.REVOKED
    assert standing.consent_for(Purpose.TRANSACTIONAL, LATER).status is ConsentStatus.PEWC
    assert standing.suppression is None


def test_an_opt_out_of_everything_suppresses() -> None:
    standing = fold([claim(1, GRANTED, 1), claim(2, REVOKED, 2)])
    assert standing.suppression is SuppressionCause.OPT_OUT
    assert standing.consent_for(Purpose.OPT_OUT_CONFIRMATION, LATER).revoked_at == day(2)


def test_marketing_consent_covers_service_texts_only_while_nothing_was_said_of_those() -> None:
    marketing = claim(1, GRANTED, 1, scope=ConsentScope.MARKETING)
    refused = claim(2, REVOKED, 0.5, scope=ConsentScope.INFORMATIONAL)
    assert status(marketing, purpose=Purpose.TRANSACTIONAL) is ConsentStatus.PEWC
    assert status(marketing, refused, purpose=Purpose.TRANSACTIONAL) is ConsentStatus.REVOKED


def test_service_consent_is_no_marketing_consent() -> None:
    assert status(claim(1, GRANTED, 1, scope=ConsentScope.INFORMATIONAL)) is ConsentStatus.NONE


@pytest.mark.parametrize("cause", [cause for cause in SuppressionCause if cause is not SuppressionCause.OPT_OUT])
def test_no_claim_lifts_a_suppression_beyond_opt_out(cause: SuppressionCause) -> None:
    entries = [claim(1, REVOKED, 1, cause=cause), claim(2, RESTORED, 2), claim(3, GRANTED, 3)]
    assert fold(entries).suppression is cause


def test_the_gravest_cause_is_named() -> None:
    entries = [
        claim(1, REVOKED, 1, cause=SuppressionCause.INVALID),
        claim(2, REVOKED, 2, cause=SuppressionCause.ERASED),
    ]
    assert fold(entries).suppression is SuppressionCause.ERASED


def test_a_repeated_claim_counts_once() -> None:
    once, twice = [claim(1, GRANTED, 1)], [claim(1, GRANTED, 1), claim(1, GRANTED, 1)]
    assert fold(once) == fold(twice)
    assert fold(twice).epoch == 1


KEYWORD = {"method": "keyword", "source": "reply", "actor": "recipient"}
ON_THEIR_PAGE = {"method": "web_form", "source": "preferences", "actor": "recipient"}
OWN_STOPS = [
    claim(1000, REVOKED, 3, keyword_seq=1, **KEYWORD),
    claim(1000, REVOKED, 3, **ON_THEIR_PAGE),
    claim(1000, REVOKED, 3, keyword_seq=1, method="platform", source="provider:twilio"),
]
OUTSIDE = st.lists(
    st.builds(
        lambda number, act, at, scope, level, how: claim(number, act, at, scope=scope, level=level, **how),
        st.integers(1, 900),
        st.sampled_from(ConsentAct),
        st.none() | st.integers(0, 98),
        st.sampled_from(ConsentScope),
        st.sampled_from(ConsentLevel),
        st.sampled_from(
            [
                {"method": "keyword", "source": "reply"},
                {"method": "keyword", "source": "reply", "actor": "recipient"},
                {"method": "web_form", "source": "preferences"},
                {"method": "platform", "source": "shopify"},
            ]
        ),
    ),
    max_size=8,
    unique_by=lambda entry: entry.entry_id,
)
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("stop", OWN_STOPS)
@given(OUTSIDE)
@UNHURRIED
def test_nothing_that_others_report_lifts_what_the_person_stopped(stop: LedgerEntry, others: list[LedgerEntry]) -> None:
    standing = fold([claim(999, GRANTED, 1), stop, *others])
    for purpose in (Purpose.MARKETING, Purpose.INFORMATIONAL, Purpose.TRANSACTIONAL):
        assert standing.consent_for(purpose, LATER).status is ConsentStatus.REVOKED
    assert standing.suppression is SuppressionCause.OPT_OUT


@given(OUTSIDE)
@UNHURRIED
def test_nothing_that_others_report_lifts_a_stop_of_marketing_alone(others: list[LedgerEntry]) -> None:
    stop = claim(1000, REVOKED, 3, scope=ConsentScope.MARKETING, keyword_seq=1, **KEYWORD)
    assert status(claim(999, GRANTED, 1), stop, *others) is ConsentStatus.REVOKED


def test_what_others_report_after_a_stop_counts_once_the_person_starts_again() -> None:
    stop = claim(2, REVOKED, 2, keyword_seq=1, **KEYWORD)
    signed_up = claim(3, GRANTED, 3, method="checkout", source="https://acme.example/checkout")
    start = claim(4, RESTORED, 4, keyword_seq=2, **KEYWORD)
    assert status(stop, signed_up) is ConsentStatus.REVOKED
    assert status(stop, signed_up, start) is ConsentStatus.PEWC
    assert status(stop, start) is ConsentStatus.NONE


def test_a_shop_may_take_back_what_it_reported_and_never_what_the_person_said() -> None:
    reported, own = claim(2, REVOKED, 2), claim(3, REVOKED, 2.5, keyword_seq=1, **KEYWORD)
    for again in (claim(4, GRANTED, 3), claim(4, RESTORED, 3)):
        assert status(claim(1, GRANTED, 1), reported, again) is ConsentStatus.PEWC
        assert status(claim(1, GRANTED, 1), reported, own, again) is ConsentStatus.REVOKED


ENTRIES = st.lists(
    st.builds(
        lambda act, at, seq, scope, level: (act, at, seq, scope, level),
        st.sampled_from(ConsentAct),
        st.none() | st.integers(0, 6),
        st.none() | st.integers(1, 5),
        st.sampled_from(ConsentScope),
        st.sampled_from(ConsentLevel),
    ),
    max_size=8,
    unique_by=lambda parts: parts[2] if parts[2] is not None else object(),
).map(
    lambda rows: [
        claim(number, act, at, keyword_seq=seq, scope=scope, level=level)
        for number, (act, at, seq, scope, level) in enumerate(rows, start=1)
    ]
)


@given(ENTRIES, st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(entries: list[LedgerEntry], chance: random.Random) -> None:
    shuffled = list(entries)
    chance.shuffle(shuffled)
    assert fold(shuffled) == fold(entries)


@given(ENTRIES)
def test_nothing_older_overturns_the_newest_opt_out(entries: list[LedgerEntry]) -> None:
    newest = claim(100, REVOKED, 7, keyword_seq=50)
    for purpose in (Purpose.MARKETING, Purpose.INFORMATIONAL, Purpose.TRANSACTIONAL):
        assert status(*entries, newest, purpose=purpose) is ConsentStatus.REVOKED


@given(ENTRIES)
def test_a_stored_standing_is_the_same_standing(entries: list[LedgerEntry]) -> None:
    standing: Standing = fold(entries)
    assert standing_of(standing_as_bytes(standing)) == standing


def test_an_end_and_an_opt_out_of_the_same_instant_are_read_in_that_order() -> None:
    # What was pending had ended before the person withdrew, and says so again once the withdrawal is lifted.
    entries = (
        claim(1, PENDING, 1),
        claim(2, REVOKED, 2),
        claim(3, EXPIRED, 2, level=ConsentLevel.PEWC),
        claim(4, RESTORED, 3),
    )
    assert status(*entries) is ConsentStatus.EXPIRED


def test_a_confirmation_answers_the_newest_opt_out_of_any_scope() -> None:
    marketing = claim(1, REVOKED, 2, scope=ConsentScope.MARKETING)
    informational = claim(2, REVOKED, 3, scope=ConsentScope.INFORMATIONAL)
    purpose = Purpose.OPT_OUT_CONFIRMATION
    assert fold([marketing]).consent_for(purpose, LATER).revoked_at == day(2)
    assert fold([informational]).consent_for(purpose, LATER).revoked_at == day(3)
    assert fold([marketing, informational]).consent_for(purpose, LATER).revoked_at == day(3)
    later = claim(3, REVOKED, 4, scope=ConsentScope.MARKETING)
    assert fold([later, informational]).consent_for(purpose, LATER).revoked_at == day(4)


def since(*entries: LedgerEntry) -> tuple[datetime | None, datetime | None]:
    """Return the newest withdrawal, and the first that still counts, as a confirmation sees them."""
    consent = fold(entries).consent_for(Purpose.OPT_OUT_CONFIRMATION, LATER)
    return consent.revoked_at, consent.revoked_since


def test_a_second_stop_moves_the_newest_withdrawal_and_not_the_first() -> None:
    stops = [claim(number, REVOKED, number + 1) for number in (1, 2, 3)]
    assert since(stops[0]) == (day(2), day(2))
    assert since(*stops) == since(*reversed(stops)) == (day(4), day(2))


def test_what_lifts_an_opt_out_lets_the_next_one_be_the_first_again() -> None:
    first, again = claim(1, REVOKED, 2), claim(3, REVOKED, 4)
    for lifts in (claim(2, RESTORED, 3), claim(2, GRANTED, 3, level=ConsentLevel.EXPRESS)):
        assert since(first, lifts) == (None, None)
        assert since(first, lifts, again) == (day(4), day(4))
    for says_nothing in (claim(2, RESTORED), claim(2, GRANTED, 3, level=ConsentLevel.IMPLIED), claim(2, PENDING, 3)):
        assert since(first, says_nothing, again) == (day(4), day(2))


def test_a_wider_stop_is_no_first_one_while_a_narrower_one_stands() -> None:
    marketing = claim(1, REVOKED, 2, scope=ConsentScope.MARKETING)
    assert since(marketing, claim(2, REVOKED, 3)) == (day(3), day(2))
    assert since(claim(2, REVOKED, 3, scope=ConsentScope.INFORMATIONAL), marketing) == (day(3), day(2))
    assert since(claim(1, GRANTED, 1, level=ConsentLevel.PEWC)) == (None, None)


def test_a_standing_stored_without_the_first_withdrawal_counts_from_the_newest() -> None:
    old = ScopeStanding(revoked_at=day(2))
    consent = Standing(marketing=old, informational=old).consent_for(Purpose.OPT_OUT_CONFIRMATION, LATER)
    assert (consent.revoked_at, consent.revoked_since) == (day(2), day(2))


def test_a_strangers_standing_is_empty() -> None:
    assert fold([]) == Standing()
    assert Standing().epoch == Standing().keyword_seq == 0


def test_when_every_grant_has_run_out_the_strongest_is_shown() -> None:
    written = claim(1, GRANTED, 2, level=ConsentLevel.PEWC, expires_at=day(10))
    said = claim(2, GRANTED, 3, level=ConsentLevel.EXPRESS, expires_at=day(20))
    consent = fold([said, written]).consent_for(Purpose.MARKETING, LATER)
    assert consent.status is ConsentStatus.EXPIRED
    assert (consent.captured_at, consent.expires_at) == (day(2), day(10))


@pytest.mark.parametrize("shorter", [day(10), day(20)])
@pytest.mark.parametrize("longer", [day(30), None])
def test_of_two_grants_of_one_instant_the_longer_one_stands_whichever_came_first(
    shorter: datetime, longer: datetime | None
) -> None:
    for first, second in ((shorter, longer), (longer, shorter)):
        both = (claim(1, GRANTED, 2, expires_at=first), claim(2, GRANTED, 2, expires_at=second))
        assert fold(both).consent_for(Purpose.MARKETING, day(5)).expires_at == longer


def test_an_end_declared_at_the_instant_of_a_grant_ends_it() -> None:
    for level in ConsentLevel:
        assert status(claim(1, GRANTED, 2, level=level), claim(2, EXPIRED, 2)) is ConsentStatus.EXPIRED


def test_marketing_consent_bridges_nothing_that_was_said_of_service_texts() -> None:
    written = claim(1, GRANTED, 1, level=ConsentLevel.PEWC, scope=ConsentScope.MARKETING)
    said = {"scope": ConsentScope.INFORMATIONAL}
    service = Purpose.INFORMATIONAL
    assert status(written, purpose=service) is ConsentStatus.PEWC
    assert status(written, claim(2, PENDING, 2, **said), purpose=service) is ConsentStatus.PENDING
    over = (claim(2, PENDING, 2, **said), claim(3, EXPIRED, 3, **said))
    assert status(written, *over, purpose=service) is ConsentStatus.EXPIRED
    assert status(written, claim(2, REVOKED, 2, **said), purpose=service) is ConsentStatus.REVOKED


def test_the_strongest_valid_consent_is_shown_with_its_own_dates() -> None:
    written = claim(1, GRANTED, 2, level=ConsentLevel.PEWC, expires_at=day(90))
    said = claim(2, GRANTED, 3, level=ConsentLevel.EXPRESS, expires_at=day(95))
    consent = fold([said, written]).consent_for(Purpose.MARKETING, day(5))
    assert (consent.status, consent.captured_at, consent.expires_at) == (ConsentStatus.PEWC, day(2), day(90))


def test_an_expired_consent_is_not_hidden_by_one_of_no_known_level() -> None:
    over = claim(1, GRANTED, 2, level=ConsentLevel.PEWC, expires_at=day(10))
    assert status(over, claim(2, GRANTED, 3, level=ConsentLevel.UNKNOWN)) is ConsentStatus.EXPIRED


def test_who_never_sent_a_keyword_has_none_applied() -> None:
    assert fold([claim(1, GRANTED, 2)]).keyword_seq == 0
    assert fold([claim(1, GRANTED, 2), claim(2, REVOKED, 3, keyword_seq=4)]).keyword_seq == 4


def test_keywords_of_one_instant_follow_each_other_by_a_microsecond() -> None:
    both = (claim(1, RESTORED, 2, keyword_seq=1), claim(2, REVOKED, 2, keyword_seq=2))
    assert fold(both).marketing.revoked_at == day(2) + timedelta(microseconds=1)
