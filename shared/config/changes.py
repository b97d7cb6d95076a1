"""What a reload of the merchant files changed, in words for the log, so that an author sees it took effect."""

from collections.abc import Iterable, Mapping

from shared.config.directory import Merchant


def changes_between(before: Iterable[Merchant], after: Iterable[Merchant]) -> dict[str, list[str]]:
    """Return the merchants `added` and `removed`, and what is `changed` of the others; sorted, empty lists left out.

    A change reads ``acme: settings``, ``acme: flow win-back removed``, ``acme: number +1202… added``.
    """
    old = {str(merchant.id): merchant for merchant in before}
    new = {str(merchant.id): merchant for merchant in after}
    changed = [f"{name}: {what}" for name in old.keys() & new.keys() for what in _differences(old[name], new[name])]
    found = {"added": new.keys() - old.keys(), "removed": old.keys() - new.keys(), "changed": changed}
    return {how: sorted(names) for how, names in found.items() if names}


def _differences(old: Merchant, new: Merchant) -> list[str]:
    """Return what changed of one merchant: its numbers each, the rest of its own file as its settings, its flows."""
    said = _of_each("flow", old.flows, new.flows)
    said += _of_each("number", _numbers(old), _numbers(new))
    if old.config.model_copy(update={"numbers": ()}) != new.config.model_copy(update={"numbers": ()}):
        said.append("settings")
    return sorted(said)


def _numbers(merchant: Merchant) -> dict[str, object]:
    return {number.number: number for number in merchant.config.numbers}


def _of_each(kind: str, old: Mapping[str, object], new: Mapping[str, object]) -> list[str]:
    """Return what was added, removed and changed among named things."""
    said = [f"{kind} {name} added" for name in new.keys() - old.keys()]
    said += [f"{kind} {name} removed" for name in old.keys() - new.keys()]
    return said + [f"{kind} {name} changed" for name in old.keys() & new.keys() if old[name] != new[name]]
