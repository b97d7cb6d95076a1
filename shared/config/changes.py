"""What a reload of the merchant files changed, in words for the log, so that an author sees it took effect."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shared.config.directory import Merchant


@dataclass(frozen=True, slots=True)
class Changes:
    """The difference between the merchants in force before and after a reload; names are sorted."""

    added: tuple[str, ...] = ()
    """Merchants."""
    removed: tuple[str, ...] = ()
    """Merchants."""
    changed: tuple[str, ...] = ()
    """`merchant: what`, such as ``acme: settings``, ``acme: flow win-back removed``, ``acme: number +1202… added``."""

    def fields(self) -> dict[str, tuple[str, ...]]:
        """Return the changes for a log line; empty if there are none."""
        named = {"added": self.added, "removed": self.removed, "changed": self.changed}
        return {name: words for name, words in named.items() if words}


def changes_between(before: Iterable[Merchant], after: Iterable[Merchant]) -> Changes:
    """Return the difference between the merchants in force before and after."""
    old = {str(merchant.id): merchant for merchant in before}
    new = {str(merchant.id): merchant for merchant in after}
    return Changes(
        added=tuple(sorted(new.keys() - old.keys())),
        removed=tuple(sorted(old.keys() - new.keys())),
        changed=tuple(
            f"{name}: {what}" for name in sorted(old.keys() & new.keys()) for what in _differences(old[name], new[name])
        ),
    )


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
