"""What a finished text holds, for every purpose, and what it weighs."""

import hashlib
import unicodedata
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.events.follow_up import Purpose
from shared.parts import Encoding, count
from shared.rendering.instructions import has_stop_instruction, stop_line, stop_lines
from shared.rendering.render import (
    LinkRefused,
    Rendered,
    RenderFailed,
    RenderFailure,
    RenderInput,
    names_brand,
    render,
)

LATIN = sorted(set(stop_lines()) - {"el", "ru", "uk", "ar", "he", "hi", "ja", "ko", "zh", "zh-hant"})
NOT_NECESSARILY_STOPPED = [Purpose.TRANSACTIONAL, Purpose.INFORMATIONAL, Purpose.CONVERSATION]


def source(template: str = "Your order has shipped.", **changes: Any) -> RenderInput:
    fields: dict[str, Any] = {
        "facts": {},
        "brand": "Acme Coffee",
        "locale": "en-US",
        "purpose": Purpose.TRANSACTIONAL,
        "first_contact": False,
    }
    return RenderInput(template=template, **{**fields, **changes})


def short(_address: str) -> str:
    return "https://go.acme.example/r/0123456789"


def text_of(given_source: RenderInput) -> str:
    result = render(given_source, link=short)
    assert isinstance(result, Rendered)
    return result.text


def failure_of(given_source: RenderInput) -> RenderFailure:
    result = render(given_source, link=short)
    assert isinstance(result, RenderFailed)
    return result.reason


def test_blanks_are_filled_and_addresses_shortened() -> None:
    facts: Mapping[str, Any] = {"recipient": {"first_name": "Ana"}, "trigger": {"url": "https://acme.example/o/1"}}
    template = "Acme Coffee: thanks {{ recipient.first_name }}! {{ trigger.url | link }}"
    assert text_of(source(template, facts=facts)) == ("Acme Coffee: thanks Ana! https://go.acme.example/r/0123456789")


def test_the_brand_is_put_first_where_the_text_does_not_name_it() -> None:
    assert text_of(source("Your order has shipped.")) == "Acme Coffee: Your order has shipped."


def test_a_brand_named_near_the_start_is_not_repeated() -> None:
    for template in ("ACME  coffee - shipped!", "Hi Ana, thanks for shopping at Acme Coffee!"):
        assert text_of(source(template)) == template


def test_a_brand_named_only_far_behind_is_put_first() -> None:
    template = "Hello and thank you so much for your purchase from all of us at Acme Coffee"
    assert text_of(source(template)).startswith("Acme Coffee: Hello")


def test_a_brand_inside_a_word_or_an_address_does_not_count() -> None:
    assert text_of(source("Good morning!", brand="Go")) == "Go: Good morning!"
    assert text_of(source("See https://acme.example/o/1", brand="Acme")) == "Acme: See https://acme.example/o/1"
    assert not names_brand("Theacme", "acme")


def test_a_brand_counts_however_its_apostrophe_is_set() -> None:
    assert text_of(source("Joe’s Diner: table ready", brand="Joe's Diner")) == "Joe’s Diner: table ready"


def test_a_brand_in_a_script_without_blanks_counts_where_letters_follow() -> None:
    assert names_brand("アクメの注文が発送されました", "アクメ")


def test_marketing_always_carries_the_stop_line_in_its_language() -> None:
    english = text_of(source("Acme Coffee: 20% off", purpose=Purpose.MARKETING))
    assert english == "Acme Coffee: 20% off\nReply STOP to opt out"
    french = text_of(source("Acme Coffee : -20 %", purpose=Purpose.MARKETING, locale="fr-CA"))
    assert french == "Acme Coffee : -20 %\nRépondez STOP pour vous désinscrire"


def test_a_locale_we_do_not_know_gets_the_english_line() -> None:
    assert text_of(source("Acme Coffee", purpose=Purpose.MARKETING, locale="tlh")).endswith("Reply STOP to opt out")


def test_a_sender_that_takes_no_answers_names_where_stop_goes() -> None:
    number = source("Acme Coffee", purpose=Purpose.MARKETING, locale="fr", opt_out_at="36111")
    assert text_of(number) == "Acme Coffee\nSTOP au 36111"
    page = source("Acme Coffee", purpose=Purpose.MARKETING, opt_out_at="https://acme.example/p/1")
    assert text_of(page) == "Acme Coffee\nOpt out: https://acme.example/p/1"


def test_a_service_text_carries_the_stop_line_on_first_contact_only() -> None:
    for purpose in NOT_NECESSARILY_STOPPED:
        first = text_of(source("Acme Coffee: shipped", purpose=purpose, first_contact=True))
        later = text_of(source("Acme Coffee: shipped", purpose=purpose))
        assert first == "Acme Coffee: shipped\nReply STOP to opt out"
        assert later == "Acme Coffee: shipped"


def test_the_answer_to_help_names_brand_contact_and_stop() -> None:
    asked = source("We are here for you.", purpose=Purpose.HELP, contact_line="help@acme.example")
    assert text_of(asked) == "Acme Coffee: We are here for you.\nhelp@acme.example\nReply STOP to opt out"
    complete = "Acme Coffee: write to Help@acme.example. Reply STOP to end."
    assert text_of(source(complete, purpose=Purpose.HELP, contact_line="help@acme.example")) == complete


def test_a_confirmation_of_stop_carries_the_brand_and_nothing_else() -> None:
    confirmation = source(
        "You will get no more texts.",
        purpose=Purpose.OPT_OUT_CONFIRMATION,
        first_contact=True,
        contact_line="help@acme.example",
    )
    assert text_of(confirmation) == "Acme Coffee: You will get no more texts."


def test_a_missing_value_is_a_failure_that_names_it_and_holds_no_fact() -> None:
    facts = {"recipient": {"last_name": "Secretname"}}
    result = render(source("Hi {{ recipient.first_name }}", facts=facts), link=short)
    assert isinstance(result, RenderFailed)
    assert result.reason is RenderFailure.MISSING_VALUE
    assert result.field is not None
    assert "first_name" in result.field
    assert "Secretname" not in repr(result)


def test_a_broken_template_is_a_failure() -> None:
    assert failure_of(source("Hi {{ recipient.first_name")) is RenderFailure.TEMPLATE


def test_a_text_of_nothing_is_a_failure() -> None:
    assert failure_of(source("{% if nothing %}x{% endif %} \n")) is RenderFailure.EMPTY


def test_a_refused_address_is_a_failure() -> None:
    def refuse(_address: str) -> str:
        raise LinkRefused("no host")

    result = render(source("{{ 'https://' | link }}"), link=refuse)
    assert result == RenderFailed(RenderFailure.LINK, "no host")


def test_a_body_beyond_1600_characters_is_a_failure_and_one_of_1600_is_none() -> None:
    brand = "Acme Coffee "
    assert len(text_of(source(brand + "x" * (1600 - len(brand)), max_parts=99))) == 1600
    assert failure_of(source(brand + "x" * (1601 - len(brand)), max_parts=99)) is RenderFailure.TOO_LONG
    assert failure_of(source(brand + "😀" * 795, max_parts=99)) is RenderFailure.TOO_LONG


def test_the_stop_line_counts_towards_the_limit_of_parts() -> None:
    body = "Acme Coffee " + "x" * 148
    alone = render(source(body, max_parts=1), link=short)
    assert isinstance(alone, Rendered)
    assert alone.parts == 1
    assert failure_of(source(body, max_parts=1, purpose=Purpose.MARKETING)) is RenderFailure.TOO_MANY_PARTS


def test_decomposed_letters_and_invisible_characters_do_not_make_a_text_dearer() -> None:
    result = render(source("Acme Coffee: Cafe\u0301\u0000 ready\r\nnow"), link=short)
    assert isinstance(result, Rendered)
    assert result.text == "Acme Coffee: Café ready\nnow"
    assert result.encoding is Encoding.GSM7


def test_every_character_travels_but_those_that_no_phone_shows() -> None:
    letters = {chr(n) for n in (*range(0x300), 0xE000, 0x1F600)} - {"\r", "\t"}
    unseen = {letter for letter in letters if unicodedata.category(letter) == "Cc"} - {"\n"}
    assert {letter for letter in letters if letter in text_of(source(f"Acme Coffee: 1{letter}2"))} == letters - unseen


def test_the_hash_is_of_exactly_the_text() -> None:
    result = render(source("Acme Coffee é"), link=short)
    assert isinstance(result, Rendered)
    assert result.sha256 == hashlib.sha256("Acme Coffee é".encode()).hexdigest()


words = st.text(st.characters(codec="utf-8", exclude_characters="{}%"), max_size=200)
brands = st.sampled_from(["Acme Coffee", "Go", "Stop & Shop", "Joe's", "Café Ñandú", "アクメ", "7", "A.B.C."])


@pytest.mark.parametrize(
    "template",
    [
        "New stand at Bus STOP to 4500 Main St",
        "Your spot is held till 6 PM. Can't come? Cancel here: {{ trigger.u | link }}",
        "Sale must end - {{ trigger.u | link }}",
        "Hi {{ recipient.first_name }}, 20% off today",
        "Last day! Prices end at {{ trigger.u | link }}",
        "Our summer sale will end: {{ trigger.u | link }}",
        "{{ trigger.note }}, says a customer",
        "{% capture words %}{{ trigger.note }}{% endcapture %}Sale! {{ words }} now",
        "{% if trigger.absent %}Reply STOP to end{% endif %}{{ trigger.note }}, says a customer",
    ],
)
def test_marketing_always_has_a_way_out_of_the_shops_own_words(template: str) -> None:
    facts = {
        "recipient": {"first_name": "text STOP"},
        "trigger": {"u": "https://harbor.example/x", "note": "Reply STOP to opt out"},
    }

    assert text_of(source(template, facts=facts, purpose=Purpose.MARKETING)).endswith("\nReply STOP to opt out")


def test_a_way_out_that_the_template_names_is_not_named_twice() -> None:
    facts = {"trigger": {"u": "https://harbor.example/x"}}
    for template in ("Sale! Reply STOP to end", "Sale! Unsubscribe: {{ trigger.u | link }}", "Sale. STOP to quit."):
        text = text_of(source(template, facts=facts, purpose=Purpose.MARKETING))
        assert "opt out" not in text


locales = st.sampled_from([*stop_lines(), "en-GB", "pt-BR", "xx", "zh-TW", "no"])


@given(words, brands, locales, st.sampled_from(Purpose), st.data())
def test_every_text_names_the_brand_and_weighs_exactly_what_is_said(
    body: str, brand: str, locale: str, purpose: Purpose, data: st.DataObject
) -> None:
    given_source = source(
        body, brand=brand, locale=locale, purpose=purpose, first_contact=data.draw(st.booleans(), label="first contact")
    )
    result = render(given_source, link=short)
    if isinstance(result, Rendered):
        assert names_brand(result.text, brand)
        weight = count(result.text)
        assert (result.parts, result.encoding, result.units) == (weight.parts, weight.encoding, weight.units)
    else:
        assert result.reason in {RenderFailure.EMPTY, RenderFailure.TOO_MANY_PARTS}


@given(words, brands, locales, st.sampled_from([None, "36111", "https://acme.example/p/1"]))
def test_every_marketing_text_says_how_to_stop(body: str, brand: str, locale: str, opt_out_at: str | None) -> None:
    given_source = source(body, brand=brand, locale=locale, purpose=Purpose.MARKETING, opt_out_at=opt_out_at)
    result = render(given_source, link=short)
    reported = isinstance(result, Rendered) and stop_line(locale, opt_out_at) in result.text
    assert isinstance(result, RenderFailed) or reported or has_stop_instruction(result.text, brand=brand)


@given(words, brands, locales, st.sampled_from(Purpose))
def test_what_is_there_is_never_added_again(body: str, brand: str, locale: str, purpose: Purpose) -> None:
    fields: dict[str, Any] = {"brand": brand, "locale": locale, "purpose": purpose, "first_contact": True}
    once = render(source(body, contact_line="+1 212 555 0100", **fields), link=short)
    if isinstance(once, Rendered):
        twice = render(source(once.text, contact_line="+1 212 555 0100", **fields), link=short)
        assert twice == once


@given(st.sampled_from(LATIN), st.sampled_from([None, "36111"]))
def test_a_stop_line_in_latin_script_never_changes_the_encoding(locale: str, opt_out_at: str | None) -> None:
    result = render(source("Acme Coffee", locale=locale, first_contact=True, opt_out_at=opt_out_at), link=short)
    assert isinstance(result, Rendered)
    assert result.encoding is Encoding.GSM7
