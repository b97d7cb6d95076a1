"""Groups of commands whose list needs no name: `followup inbox acme` is `followup inbox list acme`."""

from typing import Any

from typer.core import TyperGroup


class ListByDefault(TyperGroup):
    """A group with a command `list`, which is meant where no command is named."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the name of the list before arguments that name no command."""
        is_named = bool(args) and (args[0] in self.commands or args[0] in {"--help", "-h"})
        return list(super().parse_args(ctx, args if is_named else ["list", *args]))
