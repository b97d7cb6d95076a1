"""Every setting of every service, found by their settings classes: for `doctor` and the reference page."""

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import AliasChoices
from pydantic_core import PydanticUndefined

from shared.settings import Settings


@dataclass(frozen=True, slots=True)
class SettingEntry:
    """One environment variable."""

    variable: str
    default: str
    help: str
    section: str


def every_setting() -> tuple[SettingEntry, ...]:
    """Return the settings of all classes imported so far, by section and name."""
    return tuple(
        sorted(_entries(Settings), key=lambda entry: (entry.section != "process", entry.section, entry.variable))
    )


def _entries(base: type[Settings]) -> Iterator[SettingEntry]:
    """Walk the subclasses."""
    for kind in base.__subclasses__():
        prefix = kind.model_config.get("env_prefix", "")
        for name, info in kind.model_fields.items():
            default = "" if info.default in {None, PydanticUndefined} else str(info.default)
            variable, *old_names = [f"{prefix}{name}".upper()]
            if isinstance(info.validation_alias, AliasChoices):
                variable, *old_names = map(str, info.validation_alias.choices)
            yield SettingEntry(variable, default, info.description or "", kind.section)
            for old in old_names:
                yield SettingEntry(old, "", f"Deprecated name of `{variable}`.", kind.section)
        yield from _entries(kind)
