"""Which texts tell a person how to end them, and which only seem to."""

import pytest

from shared.rendering.instructions import has_stop_instruction, stop_line, stop_lines

TELLS = (
    "Reply STOP to end",
    "reply stop to unsubscribe",
    "Text STOP to quit. HELP for help.",
    "Txt STOP to opt-out",
    "Reply with STOP",
    "Reply with the word STOP at any time",
    'To leave the list reply "stop".',
    "Text us back STOP",
    "STOP to opt out",
    "STOP2END",
    "STOP=unsubscribe",
    "Opt out: STOP",
    "Opt-out? STOP",
    "STOP to 36111",
    "STOP au 36111",
    "STOP pour vous désinscrire",
    "Envoyez STOP",
    "Envía BAJA para no recibir más",
    "Responda ALTO",
    "Abmelden mit STOP",
    "Antworten Sie mit STOPP",
    "Para sair, responda SAIR",
    "Unsubscribe: https://acme.example/p/1",
    "回复TD退订",
    "配信停止はSTOPと返信",
)
DOES_NOT_TELL = (
    "Don't stop now: 20% off",
    "Your one-stop shop",
    "NON-STOP OFFERS, DON'T STOP TO THINK",
    "Reply to stop by our shop",
    "Text us, then stop in for a coffee",
    "The bus stop to end all bus stops",
    "Will it ever stop? Cancel your plans!",
    "Reply CANCEL to cancel your order",
    "Send SHOP to get our list",
    "Our sale ends Sunday: STOP worrying",
    "Reply YES to confirm",
    "Non-stop to quit your day job",
    "New stand at Bus STOP to 4500 Main St",
    "New stand at Bus STOP to 36111",
    "Meet us at the STOP to end the day",
    "Can't come? Cancel here: https://harbor.example/x",
    "Cancel: https://harbor.example/x",
    "Cancelar: https://harbor.example/x",
    "Our summer sale will end: https://harbor.example/x",
    "Sale must end - https://harbor.example/x",
    "Last day! Prices end at https://harbor.example/x",
    "Before you leave: https://harbor.example/x",
    "Time to quit: https://harbor.example/x",
    "STOP: end of season sale",
    "STOP to leave your worries behind",
    "The end - STOP by today",
    "Text STOP to win a bike",
    "Text BAJA to win tacos",
    "Send us ALTO saxophones",
    "Send STOP signs to the city",
    "Un STOP pour le café",
    "Ein STOP zum Kaffee",
    "",
)


@pytest.mark.parametrize("text", TELLS)
def test_an_instruction_is_recognised(text: str) -> None:
    assert has_stop_instruction(f"Acme: sale! {text}")


@pytest.mark.parametrize("text", DOES_NOT_TELL)
def test_a_text_that_only_sounds_like_one_is_none(text: str) -> None:
    assert not has_stop_instruction(f"Acme: sale! {text}")


def test_a_brand_that_holds_the_word_is_no_instruction() -> None:
    assert not has_stop_instruction("Reply to Stop & Shop with STOP & SHOP cards", brand="Stop & Shop")
    assert has_stop_instruction("Stop & Shop: reply STOP to end", brand="Stop & Shop")


@pytest.mark.parametrize("locale", sorted(stop_lines()))
def test_every_shipped_line_is_recognised_whatever_surrounds_it(locale: str) -> None:
    for at in (None, "36111"):
        line = stop_line(locale, at)
        assert has_stop_instruction(f"Acme\n{line}")
        assert has_stop_instruction(f"acme {line.upper()} ok") or at is not None
        assert "STOP" in line
        assert at is None or at in line
    assert "https://acme.example/p/1" in stop_line(locale, "https://acme.example/p/1")


def test_a_line_is_found_by_locale_then_language_then_english() -> None:
    assert stop_line("zh-TW") == stop_line("zh-Hant") != stop_line("zh-CN") == stop_line("zh")
    assert stop_line("no") == stop_line("nb_NO") == stop_line("nb")
    assert stop_line("pt-BR") == stop_line("pt")
    assert stop_line("tlh") == stop_line("en")
