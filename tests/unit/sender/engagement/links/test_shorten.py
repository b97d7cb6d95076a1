"""What becomes of addresses while a text is rendered."""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sender.engagement.links import shorten
from services.sender.engagement.links.shorten import CODE_CHARACTERS, Shortener, web_address
from shared.events.follow_up import Purpose
from shared.rendering.render import LinkRefused, Rendered, RenderInput, render


def counting() -> Callable[[int], str]:
    numbers = iter(range(100))
    return lambda length: f"{next(numbers):0{length}d}"


def test_an_address_becomes_a_code_on_the_merchants_domain() -> None:
    shortener = Shortener("https://go.acme.example/", new_code=counting())
    assert shortener("https://acme.example/o/1?k=v#top") == "https://go.acme.example/r/0000000000"
    assert shortener.codes == {"https://acme.example/o/1?k=v#top": "0000000000"}


def test_the_same_address_twice_in_a_text_gets_one_code() -> None:
    shortener = Shortener("https://go.acme.example", new_code=counting())
    first, other, again = (
        shortener("https://a.example/"),
        shortener("https://b.example/"),
        shortener("https://a.example/"),
    )
    assert first == again != other
    assert list(shortener.codes) == ["https://a.example/", "https://b.example/"]


def test_two_texts_never_share_a_code() -> None:
    codes = {Shortener("https://go.example")("https://a.example/") for _ in range(1000)}
    assert len(codes) == 1000
    assert {len(code.rsplit("/", 1)[1]) for code in codes} == {CODE_CHARACTERS}


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "ftp://a.example/",
        "//a.example/",
        "/o/1",
        "https://",
        "https:///path",
        "https://a.example/\r\nSet-Cookie: x=1",
        "https://a.example/a b",
        "https://a.example\\@b.example/",
        "https://shop.example@evil.example/",
        "https://[::1/",
        "https://a.example:99999/",
        "https://" + "a" * 2100 + ".example/",
        "",
    ],
)
def test_what_is_no_web_address_is_refused(address: str) -> None:
    with pytest.raises(LinkRefused):
        Shortener("https://go.example")(address)


def test_an_address_in_other_letters_is_stored_as_browsers_send_it() -> None:
    assert web_address("https://café.example/menü?q=ä%20b") == "https://xn--caf-dma.example/men%C3%BC?q=%C3%A4%20b"
    assert web_address("https://[2001:db8::1]:8443/x") == "https://[2001:db8::1]:8443/x"


@given(st.text(max_size=60), st.sampled_from(["https://a.example/", "http://", "https://é.example/?", ""]))
def test_what_is_accepted_is_ascii_without_blanks_and_stays_itself(text: str, start: str) -> None:
    address = web_address(start + text)
    if address is not None:
        assert address.isascii()
        assert not any(character.isspace() or not character.isprintable() for character in address)
        assert urlsplit(address).scheme in {"http", "https"}
        assert urlsplit(address).hostname
        assert web_address(address) == address


@given(
    st.text("aZ09:/?#[]@!$&'()*+,;=-._~% é", max_size=40),
    st.sampled_from(["https://a.example", "http://a.example/", "https://A.example/", "https://a.example/x?"]),
)
def test_what_goes_out_as_it_stands_is_what_taking_it_apart_would_give(text: str, start: str) -> None:
    at_once = web_address(start + text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shorten, "_READY", re.compile("(?!)"))
        assert web_address(start + text) == at_once


def test_a_text_is_rendered_with_its_links() -> None:
    shortener = Shortener("https://go.acme.example", new_code=counting())
    facts = {"trigger": {"url": "https://acme.example/o/1"}}
    source = RenderInput(
        "{{ trigger.url | link }} or {{ trigger.url | link }}",
        facts,
        "Acme",
        "en",
        Purpose.TRANSACTIONAL,
        False,  # noqa: FBT003 - one of six
    )
    result = render(source, link=shortener)
    assert isinstance(result, Rendered)
    assert result.text == "Acme: https://go.acme.example/r/0000000000 or https://go.acme.example/r/0000000000"
    assert len(shortener.codes) == 1


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("https://stra\u00dfe.de/x", "xn--strae-oqa.de"),
        ("https://B\u00dcCHER.example/x", "xn--bcher-kva.example"),
        ("https://\u03b2\u03cc\u03bb\u03bf\u03c2.com/x", "xn--nxasmm1c.com"),
        ("https://\u4f8b\u5b50\u3002example/x", "xn--fsqu00a.example"),
    ],
)
def test_a_name_beyond_ascii_is_written_as_registries_write_it(written: str, name: str) -> None:
    assert web_address(written) == f"https://{name}/x"


def test_a_name_that_no_registry_gives_out_is_refused() -> None:
    assert web_address("https://a\u200bb\u2024c.example/") in {None, "https://ab.c.example/"}
    assert web_address("https://\ufffd.example/") is None
