"""The console's calls to the other services: public HTTP paths, each with a token of its own for who is signed in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import httpx2
import orjson
from starlette.types import ASGIApp

from services.console.accounts.sessions import SignedInPerson
from services.console.settings import ConsoleSettings
from shared.clock import Clock
from shared.errors import ConfigurationFault
from shared.http.console_tokens import TokenSigner
from shared.http.idempotency import HEADER
from shared.http.problems import HTTPProblem

_SECONDS: Final = 15


@dataclass(frozen=True, slots=True)
class ServiceAnswer:
    """What a service answered."""

    status: HTTPStatus
    body: Mapping[str, Any]

    @property
    def is_success(self) -> bool:
        """Whether it did what was asked."""
        return self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def problem(self) -> str:
        """What it says is wrong, as a sentence for the person at the page."""
        errors = self.body.get("errors") or [{}]
        first = str(errors[0].get("reason", "")) if isinstance(errors[0], Mapping) else ""
        return first or str(self.body.get("detail") or self.status.phrase)

    def problem_in(self, fields: Mapping[str, str]) -> str:
        """Return what it says is wrong, behind the words for the field that it is about, if there are any."""
        errors = self.body.get("errors") or [{}]
        field = fields.get(str(errors[0].get("field", "")))
        return f"{field}: {self.problem}" if field else self.problem


@dataclass(slots=True)
class ServiceCalls:
    """Calls services in the name of a person; where they share this process, without leaving it."""

    signer: TokenSigner
    clock: Clock
    settings: ConsoleSettings
    _application: ASGIApp | None = field(default=None, init=False)
    _clients: dict[str, httpx2.AsyncClient] = field(default_factory=dict, init=False)

    @classmethod
    def of(cls, settings: ConsoleSettings, clock: Clock) -> "ServiceCalls":
        """Return the calls of a process that runs the console alone.

        Raises:
            ConfigurationFault: no signing key is named, or it cannot be read.
        """
        if settings.signing_key_file is None:
            raise ConfigurationFault(
                "FOLLOWUP_CONSOLE_SIGNING_KEY_FILE is not set: the key that signs the console's calls; "
                "deploy/prepare.py makes one, and FOLLOWUP_CONSOLE_PUBLIC_KEY for the other services"
            )
        return cls(TokenSigner.load(settings.signing_key_file), clock, settings)

    def stay_in(self, application: ASGIApp) -> None:
        """Call this application from now on, in this process."""
        self._application = application

    async def get(self, person: SignedInPerson, service: str, path: str, query: str = "") -> ServiceAnswer:
        """Return the answer to a GET; the query as a browser sent it.

        Raises:
            HTTPProblem: 502, the service does not answer.
        """
        return await self._call(person, service, "GET", f"{path}?{query}" if query else path, b"")

    async def post(
        self,
        person: SignedInPerson,
        service: str,
        path: str,
        body: Mapping[str, Any],
        *,
        once: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> ServiceAnswer:
        """Return the answer to a POST; with `once`, an Idempotency-Key, it is done once however often it is asked.

        Raises:
            HTTPProblem: 502, the service does not answer; whether it did what was asked is not known.
        """
        own = {**(headers or {}), **({HEADER: once} if once else {})}
        return await self._call(person, service, "POST", path, orjson.dumps(body), own)

    async def delete(
        self, person: SignedInPerson, service: str, path: str, headers: Mapping[str, str]
    ) -> ServiceAnswer:
        """Return the answer to a DELETE.

        Raises:
            HTTPProblem: 502, the service does not answer; whether it did what was asked is not known.
        """
        return await self._call(person, service, "DELETE", path, b"", headers)

    async def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()

    async def _call(
        self,
        person: SignedInPerson,
        service: str,
        method: str,
        path: str,
        body: bytes,
        headers: Mapping[str, str] | None = None,
    ) -> ServiceAnswer:
        client = self._client(service)
        request = client.build_request(method, path, content=body or None, headers=headers)
        token = self.signer.token(
            self.clock.now(),
            person=person.name,
            merchant=person.merchant.id,
            scopes=person.scopes,
            method=method,
            path=request.url.raw_path.decode("ascii"),
            body=body,
        )
        request.headers["Authorization"] = f"Bearer {token}"
        if body:
            request.headers["Content-Type"] = "application/json"
        try:
            response = await client.send(request)
            answer = orjson.loads(response.content or b"{}")
        except (httpx2.TransportError, orjson.JSONDecodeError):
            raise HTTPProblem(
                HTTPStatus.BAD_GATEWAY, "no_answer", f"{service} does not answer; try again in a moment"
            ) from None
        return ServiceAnswer(HTTPStatus(response.status_code), answer if isinstance(answer, dict) else {})

    def _client(self, service: str) -> httpx2.AsyncClient:
        if service not in self._clients:
            transport = None
            if self._application is not None:
                transport = httpx2.ASGITransport(self._application, raise_app_exceptions=False)
            self._clients[service] = httpx2.AsyncClient(
                base_url=self.settings.url_of(service),
                transport=transport,
                timeout=_SECONDS,
                headers={"Host": "localhost"},
            )
        return self._clients[service]
