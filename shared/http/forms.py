"""Forms and queries, taken apart as `urllib.parse.parse_qsl` does at half its cost: busy routes parse many."""

from urllib.parse import unquote


def fields(text: str, *, most: int) -> dict[str, str]:
    """Return the fields by name; of those that share a name the last, and a name without a value has an empty one.

    Raises:
        ValueError: there are more than `most`.
    """
    pairs = text.split("&")
    if len(pairs) > most:
        raise ValueError("too many fields")
    found = {}
    for pair in pairs:
        if pair:
            name, _, value = pair.partition("=")
            if "%" in pair or "+" in pair:
                name, value = _plain(name), _plain(value)
            found[name] = value
    return found


def _plain(text: str) -> str:
    """Return a name or value decoded; an escaped plus, as in every telephone number, is the usual escape."""
    text = text.replace("+", " ").replace("%2B", "+")
    return unquote(text) if "%" in text else text
