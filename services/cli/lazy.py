"""Commands that are imported when they run, so that `--help` and `--version` do not wait for a web framework.

The classes of the command parser are private to typer; therefore they are `Any` here.
"""

import gc
import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """One command, before its module is imported."""

    where: str
    """`module:attribute`; a function is one command, a `typer.Typer` a group of them."""
    summary: str
    """The first paragraph of its help, repeated here so that the list of commands needs no module."""

    def load(self, name: str) -> Any:
        """Import the module and return the command."""
        module, _, attribute = self.where.partition(":")
        found: typer.Typer | Callable[..., Any] = getattr(_imported(module), attribute)
        if isinstance(found, typer.Typer):
            command: Any = typer.main.get_group(found)
        else:
            alone = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
            alone.command(name)(found)
            command = typer.main.get_command(alone)
        command.name = name
        return command


def _imported(name: str) -> ModuleType:
    """Import a module and all that it needs: thousands of classes, none of them garbage, so nobody looks for any."""
    was_looking = gc.isenabled()
    gc.disable()
    try:
        return importlib.import_module(name)
    finally:
        if was_looking:
            gc.enable()


class LazyGroup(TyperGroup):
    """A group whose commands are loaded one at a time, by name."""

    entries: ClassVar[Mapping[str, LazyCommand]] = {}
    _is_listing = False

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names, in the order of the table."""
        del ctx
        return list(self.entries)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command; while help is being written, one that has its summary only."""
        del ctx
        entry = self.entries.get(cmd_name)
        if entry is None:
            return None
        return TyperCommand(cmd_name, help=entry.summary) if self._is_listing else entry.load(cmd_name)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help without importing any command."""
        with self._listing():
            super().format_help(ctx, formatter)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Complete a command's name without importing any command."""
        with self._listing():
            return super().shell_complete(ctx, incomplete)

    @contextmanager
    def _listing(self) -> Iterator[None]:
        """Make `get_command` return summaries while the block runs."""
        self._is_listing = True
        try:
            yield
        finally:
            self._is_listing = False
