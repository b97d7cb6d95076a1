"""A browser in plain words: one of a few names each, never what the browser itself wrote (pure)."""

from typing import Final

_LONGEST: Final = 500
_BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
"""In this order: most of them also name those below."""
_SYSTEMS: Final = (
    ("iPhone", "an iPhone"),
    ("iPad", "an iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "a Mac"),
    ("Linux", "Linux"),
)


def browser_words(user_agent: str) -> str:
    """Return which browser a request says that it comes from, as `Firefox on Windows`; it may lie."""
    said = user_agent[:_LONGEST]
    browser = next((words for mark, words in _BROWSERS if mark in said), "")
    system = next((words for mark, words in _SYSTEMS if mark in said), "")
    if not browser:
        return f"a program on {system}" if system else "an unknown browser"
    return f"{browser} on {system}" if system else browser
