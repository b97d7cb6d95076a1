"""The merchants folder: read at start, reread on change; a broken file leaves the last good version in force."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

from shared.config.check_merchant import claim_problems, secret_problems
from shared.config.flow import Flow
from shared.config.lint import problems_in
from shared.config.merchant import APIKey, MerchantConfig, Number
from shared.config.problem import Problem, Severity
from shared.config.reader import MerchantFiles, files_of, merchant_folders, read_merchant
from shared.errors import ConfigurationFault
from shared.ids import MerchantId

Stamp: TypeAlias = tuple[tuple[str, int, int], ...]
"""Name, modification time in nanoseconds and size of each file."""


@dataclass(frozen=True, slots=True)
class Merchant:
    """One merchant as its files describe it; immutable, a reload makes another."""

    id: MerchantId
    config: MerchantConfig
    flows: Mapping[str, Flow]
    """By name."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A merchant in force, and what it was read from."""

    merchant: Merchant
    reading: MerchantFiles


@dataclass(frozen=True, slots=True)
class _State:
    """What is in force at one moment; replaced as a whole."""

    entries: Mapping[str, _Entry] = field(default_factory=dict)
    stamps: Mapping[str, Stamp] = field(default_factory=dict)
    secret_files: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    keys: Mapping[str, tuple[Merchant, APIKey]] = field(default_factory=dict)
    numbers: Mapping[str, tuple[Merchant, Number]] = field(default_factory=dict)
    hosts: frozenset[str] = frozenset()


class MerchantDirectory:
    """Every merchant in force, by id, sender number and API key.

    A merchant's files take effect together or not at all: one that breaks on reload stays as it was, and
    `problems` has the reason. Removing its folder removes a merchant.
    """

    def __init__(self, root: Path, environ: Mapping[str, str]) -> None:
        self._root = root
        self._environ = environ
        self._state = _State()

    @classmethod
    def load(cls, path: Path, environ: Mapping[str, str]) -> "MerchantDirectory":
        """Return the directory of a merchants folder; secrets that name a variable are looked up in `environ`.

        Raises:
            ConfigurationFault: the folder cannot be read, or any file is broken; the detail holds every error,
                a line each, and the field ``problems`` the same as a list.
        """
        directory = cls(path, environ)
        if not path.is_dir():
            raise ConfigurationFault(f"{path}: no such folder; give the path of the merchants folder", problems=[])
        directory.reload_if_changed()
        if errors := [problem for problem in directory.problems if problem.severity is Severity.ERROR]:
            raise ConfigurationFault("\n".join(map(str, errors)), problems=errors)
        return directory

    @property
    def root(self) -> Path:
        """The merchants folder."""
        return self._root

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything wrong with the files as they are now, warnings included; sorted by file and line."""
        return self._state.problems

    @property
    def merchants(self) -> tuple[Merchant, ...]:
        """Every merchant in force, by id."""
        return tuple(entry.merchant for _, entry in sorted(self._state.entries.items()))

    def get(self, merchant_id: str) -> Merchant | None:
        """Return the merchant of this id, if there is one."""
        entry = self._state.entries.get(merchant_id)
        return entry.merchant if entry else None

    def by_api_key(self, sha256: str) -> tuple[Merchant, APIKey] | None:
        """Return the merchant and key with this hash (hex, lower case)."""
        return self._state.keys.get(sha256)

    def by_number(self, number: str) -> tuple[Merchant, Number] | None:
        """Return the merchant and number of a sender number, written as in the file."""
        return self._state.numbers.get(number)

    def hosts(self) -> frozenset[str]:
        """Return the host names under which the merchants' files say this system is reached."""
        return self._state.hosts

    def reload_if_changed(self) -> bool:
        """Check the files' times and sizes, read what changed, and return whether anything did.

        Costs one stat a file when nothing changed. Only the first reading of a broken merchant leaves it out;
        later ones leave the last good one in force.
        """
        before = self._state
        folders = {folder.name: folder for folder in _folders(self._root)}
        stamps = {name: _stamp(folder, before.secret_files.get(name, ())) for name, folder in folders.items()}
        if stamps == before.stamps:
            return False
        readings = {name: read_merchant(folder) for name, folder in folders.items()}
        problems = {name: [*problems_in(r), *secret_problems(r, self._environ)] for name, r in readings.items()}
        entries: dict[str, _Entry] = {}
        claimed: list[Problem] = []
        for name in _longest_in_force_first(stamps, before):
            entry, refused = _entry(readings[name], problems[name], entries.values())
            claimed += refused
            kept = entry or before.entries.get(name)
            if kept and not _contested(kept.reading, entries.values()):
                entries[name] = kept
        found = tuple(sorted({*claimed, *(problem for each in problems.values() for problem in each)}))
        secret_files = {name: _secret_files(reading) for name, reading in readings.items()}
        stamps = {name: _stamp(folder, secret_files[name]) for name, folder in folders.items()}
        in_force = [entry.merchant for entry in entries.values()]
        keys = {key.sha256: (merchant, key) for merchant in in_force for key in merchant.config.api_keys}
        numbers = {number.number: (merchant, number) for merchant in in_force for number in merchant.config.numbers}
        self._state = _State(entries, stamps, secret_files, found, keys, numbers, _hosts(in_force))
        return True


def _secret_files(reading: MerchantFiles) -> tuple[Path, ...]:
    secrets = reading.config.secrets() if reading.config else []
    return tuple(Path(secret.file) for _, secret in secrets if secret.file)


def _stamp(folder: Path, secret_files: Iterable[Path]) -> Stamp:
    """Return a value that changes whenever a file of the merchant, or one of its secrets, does."""
    return tuple(_file_stamp(path) for path in (*files_of(folder), *secret_files))


def _folders(root: Path) -> list[Path]:
    try:
        return merchant_folders(root)
    except OSError:
        return []


def _file_stamp(path: Path) -> tuple[str, int, int]:
    try:
        found = path.stat()
    except OSError:
        return str(path), 0, -1
    return str(path), found.st_mtime_ns, found.st_size


def _longest_in_force_first(stamps: Mapping[str, Stamp], before: _State) -> list[str]:
    """Return the names, unchanged merchants first: they keep their numbers against new claims."""
    return sorted(
        stamps, key=lambda name: (name not in before.entries or stamps[name] != before.stamps.get(name), name)
    )


def _entry(
    reading: MerchantFiles, problems: Iterable[Problem], others: Iterable[_Entry]
) -> tuple[_Entry | None, list[Problem]]:
    """Return the entry of a reading beside the others, or the conflicting claims that prevent it."""
    if reading.config is None or any(problem.severity is Severity.ERROR for problem in problems):
        return None, []
    if refused := _contested(reading, others):
        return None, refused
    flows = {read.flow.flow: read.flow for read in reading.flows}
    return _Entry(Merchant(MerchantId(reading.config.merchant), reading.config, flows), reading), []


def _contested(reading: MerchantFiles, others: Iterable[_Entry]) -> list[Problem]:
    return claim_problems([*(other.reading for other in others), reading])


def _hosts(merchants: Iterable[Merchant]) -> frozenset[str]:
    configs = [merchant.config for merchant in merchants]
    addresses = [
        *(config.links.base_url for config in configs if config.links),
        *(source.public_url for config in configs for source in config.sources.values()),
        *(provider.public_url for config in configs for provider in config.providers.values()),
    ]
    found = (urlsplit(str(address)).hostname for address in addresses if address)
    return frozenset(host for host in found if host)


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
