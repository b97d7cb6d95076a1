"""Health: alive: the process should not be restarted; ready: it should be given work."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

Check = Callable[[], Awaitable[str | None]]
"""Returns None when well, else a sentence saying what is wrong."""


@dataclass(slots=True)
class Health:
    """The checks of one process, by name."""

    checks: dict[str, Check] = field(default_factory=dict)
    worries: dict[str, Check] = field(default_factory=dict)
    signs_of_life: dict[str, Callable[[], str | None]] = field(default_factory=dict)

    def add(self, name: str, check: Check, alive: Callable[[], str | None] | None = None) -> None:
        """Register a check of readiness, and a sign of life whose failure only a restart may fix."""
        self.checks[name] = check
        if alive is not None:
            self.signs_of_life[name] = alive

    def add_concern(self, name: str, check: Check) -> None:
        """Register a check whose failure needs attention, but leaves the process ready for work."""
        self.worries[name] = check

    def deaths(self) -> dict[str, str]:
        """Return what has stopped and will not start again without a restart, by check; empty when all is alive."""
        found = {name: check() for name, check in self.signs_of_life.items()}
        return {name: problem for name, problem in found.items() if problem is not None}

    async def report(self) -> dict[str, str]:
        """Return why the process should not be given work, by check; empty when it should."""
        return await _found(self.checks)

    async def concerns(self) -> dict[str, str]:
        """Return what needs attention although the process works, by check; empty when all is well."""
        return await _found(self.worries)


async def _found(checks: Mapping[str, Check]) -> dict[str, str]:
    found = {name: await check() for name, check in checks.items()}
    return {name: problem for name, problem in found.items() if problem is not None}
