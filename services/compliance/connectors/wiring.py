"""The connectors named in the settings, and the loop that rereads their files."""

import asyncio
from dataclasses import dataclass

from services.compliance.connectors.files import (
    SCRUB,
    DoNotCallFile,
    LineTypeFile,
    NumberFile,
    ReassignedFile,
)
from services.compliance.connectors.ports import Registers
from services.compliance.settings import ComplianceSettings
from shared.clock import Clock
from shared.loop import SLOW_SECONDS, Loop
from shared.telemetry.logs import logger

_LOOK_SECONDS = 60.0

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Connectors:
    """The registers, and the files they read."""

    registers: Registers
    files: tuple[NumberFile, ...]

    @classmethod
    def of(cls, settings: ComplianceSettings) -> "Connectors":
        """Return the connectors named in the settings.

        Raises:
            ConfigurationFault: a file that is named cannot be read.
        """
        listed = DoNotCallFile(settings.do_not_call_file) if settings.do_not_call_file else None
        moved = ReassignedFile(settings.reassigned_file) if settings.reassigned_file else None
        lines = LineTypeFile(settings.line_types_file) if settings.line_types_file else None
        return cls(Registers(listed, moved, lines), tuple(file for file in (listed, moved, lines) if file is not None))

    def loops(self, clock: Clock) -> list[Loop]:
        """Return the loop that rereads changed files; no loop without files."""

        async def step() -> float:
            for file in self.files:
                await asyncio.to_thread(file.reload_if_changed)
                if isinstance(file, DoNotCallFile) and file.age(clock.now()) > SCRUB:
                    log.warning("do_not_call_stale", age_days=file.age(clock.now()).days, most_days=SCRUB.days)
            return _LOOK_SECONDS

        return [Loop("registers", step, longest_seconds=SLOW_SECONDS)] if self.files else []
