"""Browsers in plain words: a few names, and never what a browser wrote."""

import pytest

from services.console.accounts.browsers import browser_words

MOZILLA = "Mozilla/5.0"
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (f"{MOZILLA} (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Windows"),
        (f"{MOZILLA} (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        (f"{MOZILLA} (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Chrome/140.0 Safari/537.36", "Chrome on a Mac"),
        (f"{MOZILLA} (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Version/18.0 Safari/605.1.15", "Safari on a Mac"),
        (f"{MOZILLA} (iPhone; CPU iPhone OS 18_0) {WEBKIT} CriOS/140 Safari/604.1", "Chrome on an iPhone"),
        (f"{MOZILLA} (Linux; Android 14; SM-S921B) {WEBKIT} SamsungBrowser/25.0 Chrome/121 Safari/537.36",
         "Samsung Internet on Android"),
        ("curl/8.5.0", "an unknown browser"),
        ("my-script (Linux)", "a program on Linux"),
        ("", "an unknown browser"),
        ("<script>alert(1)</script>" + "x" * 100_000 + "Firefox/1", "an unknown browser"),
    ],
)  # fmt: skip
def test_a_browser_has_a_name(said: str, words: str) -> None:
    assert browser_words(said) == words
