"""Health: alive means the process should be left alone, ready means it should be given work."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

Check = Callable[[], Awaitable[str | None]]
"""Returns None when well, else a sentence saying what is wrong."""


@dataclass(slots=True)
class Health:
    """The checks of one process, by name."""

    checks: dict[str, Check] = field(default_factory=dict)

    def add(self, name: str, check: Check) -> None:
        """Register a check."""
        self.checks[name] = check

    async def report(self) -> dict[str, str]:
        """Return what is wrong, by check; empty when all is well."""
        found = {name: await check() for name, check in self.checks.items()}
        return {name: problem for name, problem in found.items() if problem is not None}
