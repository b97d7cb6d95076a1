"""The HTTP API as commands use it: of a remote application, of this machine's process, or opened for one command.

`FOLLOWUP_URL` is the address of a remote application (an ingress in front of many processes), `FOLLOWUP_TOKEN` an API
key or the operator's token for it.
"""

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import httpx2
from pydantic import Field

from services import embedded
from services.cli.snapshot import entered
from shared.config.problem import did_you_mean
from shared.db.lock import FolderLock
from shared.errors import ConfigurationFault
from shared.http.auth import KEY_PREFIX, MERCHANT_HEADER
from shared.settings import ProcessSettings, Settings

OF_THE_KEY = "-"
"""The merchant that an API key belongs to; the key itself identifies it."""
_REMOTE_SECONDS = 30


class ClientSettings(Settings):
    """Which application commands call."""

    section: ClassVar[str] = "command line"

    url: str = Field(
        "", description="Address of a remote application (explain, send, consents import); empty: this machine."
    )
    token: str = Field("", description="API key or operator's token for FOLLOWUP_URL.")


class APIClient:
    """Calls the HTTP API, as the operator or with an API key."""

    def __init__(
        self, client: httpx2.AsyncClient, runner: asyncio.Runner, token: str, merchants: Sequence[str]
    ) -> None:
        self._client = client
        self._runner = runner
        self._token = token
        self.merchants = merchants

    def require(self, merchant: str) -> None:
        """Check that the application has this merchant; with an API key, leave the check to the application.

        Raises:
            ConfigurationFault: it does not.
        """
        if self.merchants != [OF_THE_KEY] and merchant not in self.merchants:
            raise ConfigurationFault(f"there is no merchant {merchant}; {did_you_mean(merchant, self.merchants)}")

    @property
    def is_operator(self) -> bool:
        """Whether it holds the operator's token, and no API key."""
        return not self._token.startswith(KEY_PREFIX)

    def get(self, merchant: str, path: str) -> dict[str, Any] | None:
        """Return the JSON of a path; None when the answer is 404."""
        response = self._runner.run(self._client.get(path, headers=self._headers(merchant)))
        if response.status_code == httpx2.codes.NOT_FOUND:
            return None
        return self._checked(response)

    def post(self, merchant: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Return the JSON answer to a POST."""
        return self._checked(self._runner.run(self._client.post(path, json=body, headers=self._headers(merchant))))

    def delete(self, merchant: str, path: str) -> dict[str, Any]:
        """Return the JSON answer to a DELETE."""
        return self._checked(self._runner.run(self._client.delete(path, headers=self._headers(merchant))))

    def _headers(self, merchant: str) -> dict[str, str]:
        named = {} if merchant == OF_THE_KEY else {MERCHANT_HEADER: merchant}
        return {"Authorization": f"Bearer {self._token}", **named}

    @staticmethod
    def _checked(response: httpx2.Response) -> dict[str, Any]:
        """Return the body of the answer.

        Raises:
            ConfigurationFault: the application refused; the message is its reason.
        """
        answer = dict(response.json()) if response.content else {}
        if response.is_error:
            raise ConfigurationFault(str(answer.get("detail", response.reason_phrase)))
        return answer


@contextmanager
def open_client(settings: ProcessSettings) -> Iterator[APIClient]:
    """Yield a client of the running process, or of an application opened for this command alone.

    Raises:
        ConfigurationFault: the data folder cannot be used, or the remote application does not answer.
    """
    remote, note = ClientSettings(), settings.data_dir / embedded.PROCESS_FILE
    with asyncio.Runner() as runner:
        if remote.url:
            merchants = _remote_merchants(remote, settings)
            try:
                with entered(runner, httpx2.AsyncClient(base_url=remote.url, timeout=_REMOTE_SECONDS)) as client:
                    yield APIClient(client, runner, remote.token, merchants)
            except httpx2.TransportError as problem:
                message = f"FOLLOWUP_URL: {remote.url} does not answer ({type(problem).__name__})"
                raise ConfigurationFault(message) from None
        elif note.exists() and not FolderLock(settings.data_dir).is_free():  # a killed process leaves its file behind
            running = json.loads(note.read_text(encoding="utf-8"))
            with entered(runner, httpx2.AsyncClient(base_url=running["url"], timeout=10)) as client:
                yield APIClient(client, runner, running["token"], running["merchants"])
        else:
            with entered(runner, embedded.open_application(settings)) as application:
                merchants = [merchant.id for merchant in application.runtime.merchants.merchants]
                transport = httpx2.ASGITransport(application.app)
                with entered(runner, httpx2.AsyncClient(transport=transport, base_url="http://localhost")) as client:
                    yield APIClient(client, runner, application.operator_token, merchants)


def _remote_merchants(remote: ClientSettings, settings: ProcessSettings) -> Sequence[str]:
    """Return the names of a remote application's merchants, which come from the merchants folder."""
    merchants = [path.parent.name for path in sorted(settings.merchants_dir.glob("*/merchant.yaml"))]
    if not remote.token.startswith(KEY_PREFIX) and not merchants:
        raise ConfigurationFault(
            f"{settings.merchants_dir}: there are no merchants in it, and the operator's token needs their names; "
            "choose the folder with --merchants, or put an API key into FOLLOWUP_TOKEN"
        )
    return merchants or [OF_THE_KEY]
