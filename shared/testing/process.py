"""The shipped command as a process: an application and a simulated provider that tests start, kill and restart."""

import asyncio
import contextlib
import itertools
import os
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from shared.http.auth import key_sha256
from shared.testing import warm
from shared.testing.limits import BOUNDLESS
from shared.testing.warm import WarmChild
from shared.vocabulary.service_names import SERVICES

READY_SECONDS = 90.0
_FIRST_PORT, _SLICES, _SLICE = 10_240, 200, 100
_ports = itertools.count()
_IMPORTED = (
    "uvloop",
    "uvicorn.protocols.http.httptools_impl",
    "services.cli.process",
    "services.cli.run",
    "services.cli.serve",
    *(f"services.{service}.app" for service in SERVICES),
    "services.simulator.app",
)
"""By a process that forks: what the commands that tests start will import."""
API_KEY = "fu_end-to-end-test-key"
ACCOUNT_SID = "AC" + "0" * 32
AUTH_TOKEN = "end-to-end-token"  # noqa: S105 - a test double's
SHOPIFY_SECRET = "end-to-end-shopify-secret"  # noqa: S105 - a test double's
ENVIRONMENT = {
    "E2E_TWILIO_TOKEN": AUTH_TOKEN,
    "E2E_SHOPIFY_SECRET": SHOPIFY_SECRET,
    "FOLLOWUP_MERCHANT_EVENTS_PER_SECOND": "1000000",
}
"""Secrets, and so wide a quota that no test meets it on a slow machine, where readers are soon behind."""


def free_port() -> int:
    """Return a free port that no connection is given and no other test process asks for.

    It stays free while the process that listened there starts again: the system gives connections ports from 32768 on
    (`ip_local_port_range`), and each test process draws from a slice of its own below.
    """
    for _ in range(_SLICE):
        port = _FIRST_PORT + _SLICE * (os.getpid() % _SLICES) + next(_ports) % _SLICE
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no port is free")


@dataclass(slots=True)
class Process:
    """One process, with its output in a file."""

    arguments: list[str]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    child: asyncio.subprocess.Process | WarmChild | None = None
    is_fresh: bool = False
    """Whether it imports everything itself, as a user's does, also where a warm one is allowed."""

    async def start(self, **extra: str) -> None:
        """Start it; `extra` goes into its environment for this start only."""
        with self.log.open("ab") as output:
            if warm.is_allowed() and not self.is_fresh:
                self.child = warm.parent(*_IMPORTED).start(
                    self.arguments, {**os.environ, **self.environment, **extra}, output
                )
                return
            self.child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                *self.arguments,
                env={**os.environ, **self.environment, **extra},
                stdout=output,
                stderr=output,
            )

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self.child is not None and self.child.returncode is None

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self.child is not None  # noqa: S101 - only asked after a start
        return self.child.pid

    async def ready(self, url: str) -> None:
        """Wait until a GET of `url` succeeds.

        Raises:
            AssertionError: the process ended or took too long; the message holds the end of its output.
        """
        async with httpx2.AsyncClient(timeout=2) as client:
            for _ in range(int(READY_SECONDS / 0.05)):
                if not self.is_running:
                    break
                try:
                    if (await client.get(url)).is_success:
                        return
                except httpx2.HTTPError:
                    pass
                await asyncio.sleep(0.05)
        tail = self.log.read_text(encoding="utf-8", errors="replace")[-3000:]
        raise AssertionError(f"{self.arguments[0]} is not ready:\n{tail}")

    async def ended(self, seconds: float) -> int | None:
        """Wait for the end; return its code, or None when it still runs."""
        assert self.child is not None  # noqa: S101 - only asked after a start
        try:
            return await asyncio.wait_for(self.child.wait(), seconds)
        except TimeoutError:
            return None

    def send(self, which: signal.Signals) -> None:
        """Send a running process a signal."""
        assert self.child is not None  # noqa: S101 - only asked after a start
        self.child.send_signal(which)

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it, politely or not, and wait until it has."""
        if self.child is not None and self.child.returncode is None:
            self.child.send_signal(how)
            if await self.ended(20) is None:
                self.child.kill()
                await self.child.wait()


def write_shop(folder: Path, *, application: str, provider: str, flow: str, parts_per_second: int = 500) -> Path:
    """Write one merchant with one flow and one number; return the merchants folder.

    A machine that others use may read its log more slowly than the shop writes to it: no quota limits a test.
    """
    shop = folder / "merchants" / "acme"
    (shop / "flows").mkdir(parents=True)
    (shop / "merchant.yaml").write_text(
        f"""
merchant: acme
brand: Acme Coffee
locale: en-US
country: US
links: {{base_url: "{application}"}}
sources:
  shopify: {{secrets: [{{env: E2E_SHOPIFY_SECRET}}]}}
providers:
  main:
    kind: twilio
    account_sid: {ACCOUNT_SID}
    auth_token: {{env: E2E_TWILIO_TOKEN}}
    base_url: "{provider}"
    public_url: "{application}"
numbers:
  - number: "+12025550100"
    provider: main
    kind: long_code
    parts_per_second: {parts_per_second}
    registration: registered
policies: {{{BOUNDLESS}}}
quotas: {{events_per_second: 1000000}}
api_keys:
  - id: test
    sha256: "{key_sha256(API_KEY)}"
    scopes: ["follow-ups:write", "follow-ups:read", "controls:write", "controls:read", "events:write",
             "consents:write", "consents:read", "rights:write", "rights:read",
             "decisions:read", "gate:read", "dispatches:read", "operations:read", "operations:write",
             "metrics:read"]
""",
        encoding="utf-8",
    )
    (shop / "flows" / "flow.yaml").write_text(flow, encoding="utf-8")
    return folder / "merchants"


def application_process(folder: Path, port: int, merchants: Path, **environment: str) -> Process:
    """Return `followup run` on a folder, not started."""
    arguments = ["services.cli", "run", "--merchants", str(merchants), "--data", str(folder / "data")]
    return Process(
        [*arguments, "--port", str(port)],
        folder / "application.log",
        {**ENVIRONMENT, "FOLLOWUP_LOG_LEVEL": "info", **environment},
    )


def simulator_process(folder: Path, port: int, application: str, **environment: str) -> Process:
    """Return the simulated provider as a process of its own, not started."""
    arguments = ["services.simulator", "--port", str(port), "--data", str(folder / "simulator.db")]
    inbound = f"{application}/v1/providers/main/acme/replies"
    return Process(
        [*arguments, "--account-sid", ACCOUNT_SID, "--auth-token", AUTH_TOKEN, "--inbound-url", inbound],
        folder / "simulator.log",
        environment,
    )
