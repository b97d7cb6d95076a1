"""The process in which what people type is checked: one question a line, one answer a line, until its input ends.

Memory and processor time are bounded here; the time of one answer by who asks, by killing it.
"""

import resource
import sys
from typing import Final

import orjson

from services.scheduler.flow_files.checking import answer_to

MEMORY_BYTES: Final = 1 << 30
_PROCESSOR_SECONDS: Final = 600
"""Of its whole life: it ends even if nobody kills it."""


def main() -> None:
    """Answer questions."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_PROCESSOR_SECONDS, _PROCESSOR_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _say(b"{}")
    for line in sys.stdin.buffer:
        _say(orjson.dumps(answer_to(orjson.loads(line))))


def _say(answer: bytes) -> None:
    sys.stdout.buffer.write(answer + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
