"""Processes that begin with everything imported: forked from one that imported it once, for tests that start many.

A Python that runs one service imports for a second or two before its first line; a test that kills six services one
after the other pays for that each time. `python -m shared.testing.warm MODULE...` imports the modules, and then forks a
child for each request it reads from its standard input, a socket. The child gets an environment, a folder, an output
and arguments of its own, and runs its module as `python -m` does. Where a test is about the start itself, it starts a
process afresh (`Process(..., is_fresh=True)`); benchmarks always do.
"""

import asyncio
import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, BinaryIO

from shared import failpoints

_LARGEST_REQUEST = 1 << 18
_allowed: list[bool] = []


def allow() -> None:
    """Let this process's tests start warm processes from now on."""
    _allowed[:] = [sys.platform == "linux"]  # which alone tells of a child's end without threads or signals


def is_allowed() -> bool:
    """Return whether processes may start warm."""
    return any(_allowed)


class WarmChild:
    """A forked process, with the interface of `asyncio.subprocess.Process` that tests use."""

    def __init__(self, pid: int, end: int) -> None:
        """Watch a process; `end` is the pipe on which its parent will say how it ended."""
        self.pid = pid
        self.returncode: int | None = None
        self._has_ended = asyncio.Event()
        self._end = end
        asyncio.get_running_loop().add_reader(end, self._ended)

    def _ended(self) -> None:
        said = os.read(self._end, 16)
        asyncio.get_running_loop().remove_reader(self._end)
        os.close(self._end)
        self.returncode = int(said or -signal.SIGKILL)
        self._has_ended.set()

    async def wait(self) -> int:
        """Wait for the end; return its code, negative for a signal."""
        await self._has_ended.wait()
        assert self.returncode is not None  # noqa: S101 - just set
        return self.returncode

    def send_signal(self, which: int) -> None:
        """Send a signal, unless it has ended."""
        if self.returncode is None:
            os.kill(self.pid, which)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


class WarmParent:
    """The process that has imported everything, and forks."""

    def __init__(self, modules: Sequence[str]) -> None:
        """Start it; the first `start` waits until it has imported the modules."""
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", __name__, *modules], stdin=theirs.fileno()
            )
        atexit.register(self._stop)

    def start(self, arguments: Sequence[str], environment: Mapping[str, str], output: BinaryIO) -> WarmChild:
        """Fork a child that runs `python -m` with these arguments.

        Raises:
            RuntimeError: the parent is gone.
        """
        end, theirs = os.pipe()
        request = json.dumps({"arguments": arguments, "environment": dict(environment), "folder": os.getcwd()})  # noqa: PTH109 - as text
        try:
            socket.send_fds(self._socket, [request.encode()], [output.fileno(), theirs])
        finally:
            os.close(theirs)
        if not (answer := self._socket.recv(16)):
            os.close(end)
            raise RuntimeError("the process that forks has ended")
        return WarmChild(int(answer), end)

    def _stop(self) -> None:
        """Let it and what is left of its children end."""
        self._socket.close()
        self._process.wait()


@cache
def parent(*modules: str) -> WarmParent:
    """Return the one parent of this test process."""
    return WarmParent(modules)


def _serve(requests: socket.socket) -> tuple[dict[str, Any], int]:
    """Fork for each request, and say how each child ended; return only in a child, with its request and its output."""
    children: dict[int, tuple[int, int]] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(requests, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is not requests:
                    selector.unregister(key.fd)
                    _report(key.fd, *children.pop(key.fd))
                    continue
                message, descriptors, _, _ = socket.recv_fds(requests, _LARGEST_REQUEST, 2)
                if not message:
                    for pid, _ in children.values():
                        os.kill(pid, signal.SIGKILL)
                    sys.exit()
                output, end = descriptors
                if (pid := os.fork()) == 0:
                    for descriptor in (end, *children, *(theirs for _, theirs in children.values())):
                        os.close(descriptor)
                    return json.loads(message), output
                os.close(output)
                children[watched := os.pidfd_open(pid)] = (pid, end)
                selector.register(watched, selectors.EVENT_READ)
                requests.send(str(pid).encode())


def _report(watched: int, pid: int, end: int) -> None:
    """Tell whoever started a child how it ended."""
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(BrokenPipeError):  # nobody asks any more
        os.write(end, str(os.waitstatus_to_exitcode(status)).encode())
    os.close(end)
    os.close(watched)


def _become(request: dict[str, Any], output: int) -> None:
    """Turn a forked child into the process that was asked for, and run its module."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    for descriptor, source in enumerate((nothing, output, output)):
        os.dup2(source, descriptor)
    os.close(nothing)
    os.close(output)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.path[0] = request["folder"]
    importlib.reload(failpoints)  # they are armed by the environment, when they are imported
    module, *sys.argv[1:] = request["arguments"]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def main(modules: Sequence[str]) -> None:
    """Import, fork for each request, and in a child run what was asked for."""
    gc.disable()
    for name in modules:
        importlib.import_module(name)
    gc.freeze()
    gc.enable()
    requests = socket.socket(fileno=0)
    request, output = _serve(requests)
    requests.detach()  # the child's standard input from now on is empty
    _become(request, output)


if __name__ == "__main__":
    main(sys.argv[1:])
