"""How a command reaches the data: through the running process, or through a house it opens itself when none runs."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx2

from services import embedded
from shared.db.lock import FolderLock
from shared.errors import ConfigurationFault
from shared.http.auth import MERCHANT_HEADER
from shared.settings import ProcessSettings


class HouseClient:
    """Asks the HTTP API as the operator of this machine."""

    def __init__(
        self, client: httpx2.AsyncClient, runner: asyncio.Runner, token: str, merchants: Sequence[str]
    ) -> None:
        self._client = client
        self._runner = runner
        self._token = token
        self.merchants = merchants

    def get(self, merchant: str, path: str) -> dict[str, Any] | None:
        """Return the JSON of a path; None when there is no such thing."""
        response = self._runner.run(self._client.get(path, headers=self._headers(merchant)))
        if response.status_code == httpx2.codes.NOT_FOUND:
            return None
        return self._checked(response)

    def post(self, merchant: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Return the JSON answer to a POST."""
        return self._checked(self._runner.run(self._client.post(path, json=body, headers=self._headers(merchant))))

    def _headers(self, merchant: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}", MERCHANT_HEADER: merchant}

    @staticmethod
    def _checked(response: httpx2.Response) -> dict[str, Any]:
        """Return the body, or say what the house said.

        Raises:
            ConfigurationFault: the house refused.
        """
        answer = dict(response.json())
        if response.is_error:
            raise ConfigurationFault(str(answer.get("detail", response.reason_phrase)))
        return answer


@contextmanager
def open_house(settings: ProcessSettings) -> Iterator[HouseClient]:
    """Yield a client of the running process, or of a house opened for this command alone.

    Raises:
        ConfigurationFault: the data folder cannot be used.
    """
    note = settings.data_dir / embedded.PROCESS_FILE
    with asyncio.Runner() as runner:
        if note.exists() and not _is_free(settings):
            running = json.loads(note.read_text(encoding="utf-8"))
            client = httpx2.AsyncClient(base_url=running["url"], timeout=10)
            try:
                yield HouseClient(client, runner, running["token"], running["merchants"])
            finally:
                runner.run(client.aclose())
            return
        opening = embedded.embedded(settings)
        house = runner.run(opening.__aenter__())
        client = httpx2.AsyncClient(transport=httpx2.ASGITransport(house.app), base_url="http://house")
        merchants = [merchant.id for merchant in house.runtime.merchants.merchants]
        try:
            yield HouseClient(client, runner, house.operator_token, merchants)
        finally:
            runner.run(client.aclose())
            runner.run(opening.__aexit__(None, None, None))


def _is_free(settings: ProcessSettings) -> bool:
    """Return whether no process has the data folder: a note left by a killed process is stale."""
    lock = FolderLock(settings.data_dir)
    try:
        lock.acquire()
    except ConfigurationFault:
        return False
    lock.release()
    return True
