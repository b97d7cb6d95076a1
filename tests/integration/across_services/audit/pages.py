"""The commands' way to read pages, over the client of a test: they are not asynchronous, tests are."""

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx2

from services.cli import audit_pages
from services.cli.api_client import APIClient
from services.compliance.ledger.verification import AuditVerifier
from tests.integration.across_services.rights.driver import RightsDriver


class PagesOfATest(APIClient):
    """Reads over another thread's client."""

    def __init__(self, client: httpx2.AsyncClient, loop: asyncio.AbstractEventLoop) -> None:
        self._over = client
        self._loop = loop

    def get(self, merchant: str, path: str) -> dict[str, Any] | None:
        del merchant
        answer = asyncio.run_coroutine_threadsafe(self._over.get(path), self._loop).result(30)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


async def exported(driver: RightsDriver) -> list[str]:
    """Return acme's audit logs as the lines of an export."""
    pages = PagesOfATest(driver.client, asyncio.get_running_loop())
    return await asyncio.to_thread(lambda: [*audit_pages.lines(pages, "acme", "acme", "now")])


def problems(lines: Sequence[str], *keys: str) -> list[str]:
    """Return what the verifier finds wrong."""
    verifier = AuditVerifier(frozenset(keys))
    for line in lines:
        verifier.feed(line)
    return verifier.finish()


async def merged(driver: RightsDriver, most: int) -> list[dict[str, Any]]:
    """Return what `followup audit log acme` shows."""
    pages = PagesOfATest(driver.client, asyncio.get_running_loop())
    return await asyncio.to_thread(lambda: audit_pages.newest(pages, "acme", most))
