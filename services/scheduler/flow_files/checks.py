"""Asks the process that checks what people type, and kills it when an answer takes too long."""

import asyncio
import os
import sys
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import Counter
from http import HTTPStatus
from typing import Any, Final, cast

import orjson

from shared.http.problems import HTTPProblem
from shared.ids import MerchantId

_MODULE: Final = "services.scheduler.flow_files.check_process"
_ANSWER_SECONDS: Final = 3.0
_START_SECONDS: Final = 30.0
_LARGEST_ANSWER_BYTES: Final = 4_000_000
_MOST_WAITING: Final = 8
_MOST_OF_A_MERCHANT: Final = 2
_MOST_ANSWERS: Final = 500
"""After these a new process begins, so that nothing it keeps grows for ever."""
_PASSED_ON: Final = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG", "TZDIR")
"""Of the environment, which holds secrets."""


class CheckTooLong(Exception):
    """There is no answer: it took too long, or more memory than there is for it."""


class FlowChecks:
    """Checks one text after the other; the process begins with the first and lasts."""

    def __init__(self, answer_seconds: float = _ANSWER_SECONDS) -> None:
        self._answer_seconds = answer_seconds
        self._process: Process | None = None
        self._answers = 0
        self._turn = asyncio.Lock()
        self._asking: Counter[MerchantId] = Counter()

    async def answer(self, merchant: MerchantId, question: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a question of `checking`.

        Raises:
            CheckTooLong: there is none.
            HTTPProblem: 429, this merchant or all together ask too much at once.
        """
        if self._asking[merchant] >= _MOST_OF_A_MERCHANT or self._asking.total() >= _MOST_WAITING:
            raise HTTPProblem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "too_many_requests",
                "other texts are being checked; try again in a moment",
                headers={"Retry-After": "1"},
            )
        self._asking[merchant] += 1
        try:
            async with self._turn:
                return await self._ask(orjson.dumps(question))
        finally:
            self._asking[merchant] -= 1
            if not self._asking[merchant]:
                del self._asking[merchant]

    async def close(self) -> None:
        """End the process."""
        process, self._process, self._answers = self._process, None, 0
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()

    async def _ask(self, question: bytes) -> dict[str, Any]:
        if self._answers >= _MOST_ANSWERS:
            await self.close()
        try:
            process = await self._running()
            into = cast("StreamWriter", process.stdin)
            into.write(question + b"\n")
            await into.drain()
            line = await asyncio.wait_for(_line(process), self._answer_seconds)
            found: dict[str, Any] = orjson.loads(line)
        except (TimeoutError, OSError, ValueError, asyncio.IncompleteReadError) as problem:
            await self.close()
            raise CheckTooLong from problem
        except asyncio.CancelledError:  # an answer that nobody waits for must not be read as the next one
            await self.close()
            raise
        self._answers += 1
        return found

    async def _running(self) -> Process:
        """Return the process, ready for a question."""
        if self._process is not None and self._process.returncode is None:
            return self._process
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            _MODULE,
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env=environment,
            limit=_LARGEST_ANSWER_BYTES,
        )
        await asyncio.wait_for(_line(self._process), _START_SECONDS)
        return self._process


async def _line(process: Process) -> bytes:
    """Return the next line of a process.

    Raises:
        IncompleteReadError: it ended.
        ValueError: the line is longer than any answer.
    """
    try:
        return await cast("StreamReader", process.stdout).readuntil(b"\n")
    except asyncio.LimitOverrunError as problem:
        raise ValueError("the answer is too long") from problem
