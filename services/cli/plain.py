"""What strangers wrote, for a terminal: it must not be able to draw there, move the cursor or set a title."""


def plain(text: str) -> str:
    """Return a text in one line, with a space for each character that a terminal may obey."""
    return "".join(each if each.isprintable() else " " for each in text)
