"""The page speaks the reader's language, and every language in which a STOP is understood."""

from datetime import UTC, datetime
from string import Formatter
from zoneinfo import ZoneInfo

import pytest

from services.compliance.preferences.languages import Language, Languages
from shared.events.engagement import ReplyClass
from shared.inbound.classifier import Context, classify
from tests.integration.compliance.driver import ComplianceDriver
from tests.integration.compliance.preferences.test_pages import link
from tests.integration.engines import only_on_sqlite

pytestmark = only_on_sqlite("the page is the same")
STOPS = {
    "en": "stop", "es": "alto", "fr": "arret", "de": "abmelden", "it": "cancellami", "pt": "parar", "nl": "afmelden",
    "pl": "wypisz", "ru": "стоп", "tr": "iptal", "zh": "退订", "ja": "配信停止", "ko": "수신거부", "ar": "إيقاف",
    "hi": "बंद", "vi": "huy", "id": "berhenti",
}  # fmt: skip
LANGUAGES = Languages.shipped()
ENGLISH = LANGUAGES.best("", "", None)


def placeholders(language: Language) -> dict[str, set[str | None]]:
    return {name: {part[1] for part in Formatter().parse(text)} - {None} for name, text in language.words.items()}


def test_every_language_of_a_stop_is_a_language_of_the_page() -> None:
    for word in STOPS.values():
        assert classify(word, Context.SUBSCRIBED).reply_class is ReplyClass.OPT_OUT, word
    assert {language.code for language in LANGUAGES} == STOPS.keys()


@pytest.mark.parametrize("language", tuple(LANGUAGES), ids=lambda language: language.code)
def test_a_language_has_every_sentence_with_everything_that_belongs_into_it(language: Language) -> None:
    assert placeholders(language) == placeholders(ENGLISH)
    assert len(set(language.months)) == 12
    assert language.direction == ("rtl" if language.code == "ar" else "ltr")
    assert all(language.words.values())
    if language is not ENGLISH:
        same = [name for name, text in language.words.items() if text == ENGLISH.words[name]]
        assert same == []


@pytest.mark.parametrize(
    ("asked", "accepted", "locale", "code"),
    [
        ("", "", None, "en"),
        ("", "", "es-MX", "es"),
        ("", "", "is-IS", "en"),
        ("", "fr-CA,fr;q=0.9,en;q=0.8", "en-US", "fr"),
        ("", "is,de;q=0.5,it;q=0.7", "en-US", "it"),
        ("", "en;q=0.4, pt-BR", "es", "pt"),
        ("", "de;q=0, *;q=0.5", "nl", "nl"),
        ("", "de;q=x,,;q=1", "nl", "nl"),
        ("pl", "fr", "de", "pl"),
        ("PL_pl", "fr", "de", "pl"),
        ("klingon", "fr", "de", "fr"),
        ("<script>", "", "de", "de"),
    ],
)
def test_the_language_asked_for_comes_before_the_browsers_and_the_shops(
    asked: str, accepted: str, locale: str | None, code: str
) -> None:
    assert LANGUAGES.best(asked, accepted, locale).code == code


@pytest.mark.parametrize(
    ("code", "day"),
    [
        ("en", "1 March 2027"),
        ("de", "1. März 2027"),
        ("es", "1 de marzo de 2027"),
        ("pl", "1 marca 2027"),
        ("ja", "2027年3月1日"),
        ("vi", "1 tháng 3 năm 2027"),
    ],
)
def test_a_day_is_written_as_people_of_the_language_do_and_on_the_shops_clock(code: str, day: str) -> None:
    language = LANGUAGES.best(code, "", None)
    assert language.day(datetime(2027, 3, 2, 3, tzinfo=UTC), ZoneInfo("America/New_York")) == day


@pytest.mark.parametrize("language", tuple(LANGUAGES), ids=lambda language: language.code)
async def test_a_person_stops_in_their_own_language(driver: ComplianceDriver, language: Language) -> None:
    await driver.hear(driver.claim())
    async with driver.http() as client:
        path = await link(driver, client)
        headers = {"Accept-Language": f"{language.code};q=0.9"}
        page = await client.get(path, headers=headers)
        assert f'<html lang="{language.code}" dir="{language.direction}">' in page.text
        assert page.headers["content-language"] == language.code
        assert language.words["heading"] in page.text
        assert page.text.count("<form") == 4
        answer = await client.post(path, data={"choice": "stop_all"}, headers=headers)
        done = await client.get(answer.headers["location"], headers=headers)
    assert language.say("done_stop_all", brand="<bdi>Acme Coffee</bdi>").unescape() in done.text
    assert (await driver.held()).standing.suppression == "opt_out"


async def test_a_language_chosen_on_the_page_is_kept_through_a_choice(driver: ComplianceDriver) -> None:
    await driver.hear(driver.claim())
    async with driver.http() as client:
        path = await link(driver, client)
        page = await client.get(f"{path}?lang=nl", headers={"Accept-Language": "en"})
        assert f'action="{path}?lang=nl"' in page.text
        answer = await client.post(f"{path}?lang=nl", data={"choice": "pause"}, headers={"Accept-Language": "en"})
        assert answer.headers["location"] == f"{path}?done=pause&lang=nl"
        paused = await client.get(answer.headers["location"])
    assert 'lang="nl"' in paused.text
    assert "Pauze tot 31 december 2026" in paused.text


async def test_a_link_that_has_ended_says_so_in_the_browsers_language(driver: ComplianceDriver) -> None:
    async with driver.http("") as anybody:
        gone = await anybody.get("/preferences/made-up", headers={"Accept-Language": "ar"})
    assert gone.status_code == 410
    assert '<html lang="ar" dir="rtl">' in gone.text
    assert "STOP" in gone.text


async def test_a_brand_with_signs_of_html_is_shown_as_written(driver: ComplianceDriver) -> None:
    said = ENGLISH.say("title", brand="<b>Ben & Co</b>")
    assert said == "Texts from &lt;b&gt;Ben &amp; Co&lt;/b&gt;"
