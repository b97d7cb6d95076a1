"""The pages of settings: users and one's own password, API keys, files, who did what, and the health of services."""

import importlib.metadata
from asyncio import gather
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from http import HTTPStatus
from itertools import islice
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response
from pydantic import TypeAdapter

from services.console.accounts import second_factor_store, user_store
from services.console.accounts.account_log import origin_of
from services.console.accounts.current_password import CurrentPassword
from services.console.accounts.passwords import LONGEST_PASSWORD
from services.console.accounts.sessions import Sessions, SignedInPerson
from services.console.accounts.sign_in import SignedIn, require_own_form
from services.console.accounts.users import Users
from services.console.calls import ServiceCalls
from services.console.page import ConsolePage, require
from services.console.rendering import SIGN_IN, PageRenderer, file_problems, redirect
from services.console.tables import audit_tables
from services.console.words import ROLE_CHOICES, sentence
from shared.config.directory import MerchantDirectory
from shared.db import audit_store
from shared.http.audit_routes import AuditRow, ReasonState
from shared.http.problems import HTTPProblem, unprocessable
from shared.ids import MerchantId
from shared.instants import Instant
from shared.vocabulary.roles import Role
from shared.vocabulary.service_names import EVENT_SERVICES

PATH: Final = "/console/settings"
_ENTRIES: Final = 50
_ROWS: Final = TypeAdapter(list[AuditRow])
_UNTIL: Final = TypeAdapter[datetime | None](Instant | None)
_LONGEST: Final = 64

_Name = Annotated[str, Form(max_length=_LONGEST)]
_Password = Annotated[str, Form(max_length=LONGEST_PASSWORD)]
_Token = Annotated[str, Form(max_length=_LONGEST)]


@dataclass(frozen=True, slots=True)
class ServiceHealth:
    """How a service says it is."""

    name: str
    status: str
    """ok, degraded, not ready, or no answer."""
    concerns: Mapping[str, str]

    @property
    def tone(self) -> str:
        """The colour of its mark."""
        return {"ok": "good", "degraded": "wait"}.get(self.status, "bad")


class SettingsPages(ConsolePage):
    """Answers the pages, and changes users for owners who signed in by name.

    Args:
        calls: to the services.
        renderer: of the templates.
        users: of the console.
        current: checks a password before it is changed.
        merchants: the files in force.
    """

    place = "settings"

    def __init__(
        self,
        calls: ServiceCalls,
        renderer: PageRenderer,
        users: Users,
        current: CurrentPassword,
        merchants: MerchantDirectory,
    ) -> None:
        super().__init__(calls, renderer)
        self._users = users
        self._current = current
        self._merchants = merchants

    async def people(self, request: Request, person: SignedIn) -> Response:
        """Answer one's own account, and for owners the users."""
        return await self._people(request, person)

    async def add(
        self,
        request: Request,
        person: SignedIn,
        form_token: _Token = "",
        name: _Name = "",
        role: _Name = "",
        password: _Password = "",
    ) -> Response:
        """Add a user.

        Raises:
            HTTPProblem: 403, the form of another session, or no owner.
        """
        require_own_form(request, person, form_token)
        require_owner(person)
        try:
            await self._users.add(
                MerchantId(person.merchant.id), name, role_named(role), password, person.actor(origin_of(request))
            )
        except HTTPProblem as problem:
            return await self._people(request, person, {"name": name, "role": role}, problem)
        return redirect(PATH)

    async def remove(
        self, request: Request, person: SignedIn, name: str, form_token: _Token = "", confirmed: _Name = ""
    ) -> Response:
        """Remove a user, after asking whether that is meant; nobody removes themselves.

        Raises:
            HTTPProblem: 403 no owner, or their own account; 404 there is no such user.
        """
        require_own_form(request, person, form_token)
        require_owner(person)
        if f"user:{name}" == person.name:
            raise HTTPProblem(HTTPStatus.FORBIDDEN, "own_account", "another owner, or the operator, removes you")
        if not confirmed:
            return self._show(request, person, "settings_remove", {"tab": "", "name": name[:_LONGEST]})
        await self._users.remove(MerchantId(person.merchant.id), name, person.actor(origin_of(request)))
        return redirect(PATH)

    async def change_password(
        self,
        request: Request,
        person: SignedIn,
        form_token: _Token = "",
        current: _Password = "",
        password: _Password = "",
    ) -> Response:
        """Change one's own password; every session of theirs ends, this one too.

        Raises:
            HTTPProblem: 403, the form of another session, or a session of an API key.
        """
        require_own_form(request, person, form_token)
        if person.role is None:
            raise HTTPProblem(HTTPStatus.FORBIDDEN, "no_user", "you signed in with an API key; it has no password")
        name = person.name.removeprefix("user:")
        try:
            await self._current.require(name, current, "current")
            await self._users.reset(MerchantId(person.merchant.id), name, password, person.actor(origin_of(request)))
        except HTTPProblem as problem:
            return await self._people(request, person, {}, problem)
        return redirect(SIGN_IN)

    async def keys(self, request: Request, person: SignedIn) -> Response:
        """Answer the API keys in force: names and scopes, never a key.

        Raises:
            HTTPProblem: 403.
        """
        require(person, "audit:read")
        return self._show(request, person, "settings_keys", {"tab": "keys", "keys": person.merchant.config.api_keys})

    async def files(self, request: Request, person: SignedIn) -> Response:
        """Answer what of the shop's files is in force, and what is wrong with them.

        Raises:
            HTTPProblem: 403.
        """
        require(person, "audit:read")
        values = {
            "tab": "files",
            "config": person.merchant.config,
            "flows": sorted(person.merchant.flows.values(), key=lambda flow: flow.flow),
            "problems": file_problems(self._merchants, person.merchant.id),
        }
        return self._show(request, person, "settings_files", values)

    async def audit(
        self, request: Request, person: SignedIn, until: Annotated[str, Query(max_length=_LONGEST)] = ""
    ) -> Response:
        """Answer who did what, the newest first, of all services.

        Raises:
            HTTPProblem: 403, 502 a service does not answer.
        """
        require(person, "audit:read")
        query = urlencode({"limit": _ENTRIES + 1, **({"until": until} if until else {})})
        answers = await gather(*(self._asked(person, each, f"/v1/audit/{each}", query) for each in EVENT_SERVICES))
        own = await self._done_here(person, until)
        logs = (own, *(_ROWS.validate_python(answer["entries"]) for answer in answers))
        found = [*islice(merge(*logs, key=lambda entry: (entry.at, entry.id), reverse=True), _ENTRIES + 1)]
        older = f"{PATH}/audit?{urlencode({'until': found[-2].at.isoformat()})}" if len(found) > _ENTRIES else None
        values = {"entries": found[:_ENTRIES], "older": older, "tab": "audit"}
        return self._show(request, person, "settings_audit", values)

    async def _done_here(self, person: SignedInPerson, until: str) -> list[AuditRow]:
        """Return what was done to users of the shop, and who signed in; `until` was found good by the services."""
        before, merchant = _UNTIL.validate_python(until or None), MerchantId(person.merchant.id)
        rows = await self._users.units.read(
            lambda db: audit_store.newest(db, audit_tables, merchant, until=before, limit=_ENTRIES + 1)
        )
        return [AuditRow.of(row, None, ReasonState.NONE) for row in rows]

    async def health(self, request: Request, person: SignedIn) -> Response:
        """Answer how each service says it is, and which version this is."""
        found = await gather(*(self._health_of(person, service) for service in EVENT_SERVICES))
        values = {"tab": "health", "services": found, "release": importlib.metadata.version("followup")}
        return self._show(request, person, "settings_health", values)

    async def _health_of(self, person: SignedInPerson, service: str) -> ServiceHealth:
        try:
            body = (await self._calls.get(person, service, "/readyz")).body
        except HTTPProblem:
            return ServiceHealth(service, "no answer", {})
        concerns = {**(body.get("problems") or {}), **(body.get("concerns") or {})}
        return ServiceHealth(service, str(body.get("status", "no answer")), concerns)

    async def _people(
        self,
        request: Request,
        person: SignedInPerson,
        given: Mapping[str, str] | None = None,
        problem: HTTPProblem | None = None,
    ) -> Response:
        stored: Sequence[user_store.StoredUser] = ()
        own = None
        if person.role is not None:
            own = await self._users.units.read(lambda db: user_store.find(db, person.name.removeprefix("user:")))
        with_two_steps: Collection[str] = ()
        if person.role is Role.OWNER:
            merchant = person.merchant.id
            stored, with_two_steps = await self._users.units.read(
                lambda db: second_factor_store.users_and_factors(db, merchant)
            )
        field = problem.errors[0].field if problem is not None and problem.errors else ("name" if given else "current")
        values = {
            "tab": "users",
            "users": stored,
            "own": own,
            "with_two_steps": with_two_steps,
            "roles": ROLE_CHOICES,
            "given": given or {"name": "", "role": Role.SUPPORT.value},
            "field": field if problem is not None else "",
            "problem": sentence(problem.errors[0].reason if problem.errors else problem.detail) if problem else "",
            "is_adding": given is not None and bool(given),
        }
        return self._show(request, person, "settings_users", values, problem.status if problem else HTTPStatus.OK)

    def create_router(self, sessions: Sessions) -> APIRouter:
        """Return the routes."""
        router = self._router(PATH, sessions)
        for path, page in {
            "": self.people,
            "/keys": self.keys,
            "/files": self.files,
            "/audit": self.audit,
            "/health": self.health,
        }.items():
            router.add_api_route(path, page, response_model=None)
        router.add_api_route("/users", self.add, methods=["POST"], response_model=None)
        router.add_api_route("/users/{name}/remove", self.remove, methods=["POST"], response_model=None)
        router.add_api_route("/password", self.change_password, methods=["POST"], response_model=None)
        return router


def require_owner(person: SignedInPerson) -> None:
    """Check that somebody may change users: an owner who signed in by name, never a key.

    Raises:
        HTTPProblem: 403.
    """
    if person.role is not Role.OWNER:
        raise HTTPProblem(HTTPStatus.FORBIDDEN, "owners_only", "only an owner who signed in by name changes users")


def role_named(name: str) -> Role:
    """Return a role.

    Raises:
        HTTPProblem: 422.
    """
    try:
        return Role(name)
    except ValueError:
        raise unprocessable("role", "choose a role") from None
