"""The shop's own phones (`test_recipients` of merchant.yaml) as forms offer them: masked, and sent by their place."""

from collections.abc import Sequence

from shared.phone import E164, masked


def phone_choices(phones: Sequence[E164]) -> list[tuple[str, str]]:
    """Return the place of each phone and its masked number."""
    return [(str(place), masked(each)) for place, each in enumerate(phones)]


def chosen_phone(phones: Sequence[E164], place: str) -> E164 | None:
    """Return the phone that a form chose; None for anything that is no place in the list."""
    return dict(zip(map(str, range(len(phones))), phones, strict=True)).get(place)
