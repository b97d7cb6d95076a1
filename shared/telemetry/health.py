"""Health: alive means the process should be left alone, ready means it should be given work."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

Check = Callable[[], Awaitable[str | None]]
"""Returns None when well, else a sentence saying what is wrong."""


@dataclass(slots=True)
class Health:
    """The checks of one process, by name."""

    checks: dict[str, Check] = field(default_factory=dict)
    signs_of_life: dict[str, Callable[[], str | None]] = field(default_factory=dict)

    def add(self, name: str, check: Check, alive: Callable[[], str | None] | None = None) -> None:
        """Register a check of readiness, and a sign of life whose failing only a restart may mend."""
        self.checks[name] = check
        if alive is not None:
            self.signs_of_life[name] = alive

    def deaths(self) -> dict[str, str]:
        """Return what has stopped and will not start again by itself, by check; empty when all is alive."""
        found = {name: check() for name, check in self.signs_of_life.items()}
        return {name: problem for name, problem in found.items() if problem is not None}

    async def report(self) -> dict[str, str]:
        """Return what is wrong, by check; empty when all is well."""
        found = {name: await check() for name, check in self.checks.items()}
        return {name: problem for name, problem in found.items() if problem is not None}
