"""Consents from a file: uploaded, tried, and imported when somebody says so."""

from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from services.console.accounts.sessions import Sessions, SignedInPerson
from services.console.accounts.sign_in import SignedIn, require_own_form
from services.console.calls import ServiceCalls
from services.console.csv_answers import csv_answer
from services.console.imports.jobs import ImportJobs
from services.console.imports.store import HELD, MOST_REFUSALS, RUNNING, StoredImport
from services.console.imports.upload import Sink, receive
from services.console.page import ConsolePage, require
from services.console.rendering import PageRenderer, redirect
from services.console.words import sentence
from shared.http.body import UPLOAD_PATH
from shared.http.problems import HTTPProblem
from shared.vocabulary.import_reasons import REASONS

PATH: Final = UPLOAD_PATH
_LISTED: Final = 50
_SCOPES: Final = {
    "marketing": "offers",
    "informational": "news about orders",
    "all": "all texts",
}
_Field = Annotated[str, Form(max_length=200)]


class ImportPages(ConsolePage):
    """Answers the form and how far the newest import is, and takes files."""

    place = "consent"

    def __init__(self, calls: ServiceCalls, renderer: PageRenderer, jobs: ImportJobs) -> None:
        super().__init__(calls, renderer)
        self._jobs = jobs

    async def show(self, request: Request, person: SignedIn, problem: str = "") -> Response:
        """Answer the page.

        Raises:
            HTTPProblem: 403 a role that may not import.
        """
        require(person, "consents:write")
        return await self._page(request, person, problem[:300])

    async def upload(self, request: Request, person: SignedIn) -> Response:
        """Take a file, piece by piece, and begin to try its rows; whatever is wrong stands on the page afterwards."""
        require(person, "consents:write")
        merchant, has_begun = person.merchant.id, False

        async def begin(fields: Any, file_name: str) -> Sink:
            nonlocal has_begun
            require_own_form(request, person, fields.get("form_token", ""))
            scope = fields.get("scope", "marketing")
            if scope not in _SCOPES:
                raise HTTPProblem(HTTPStatus.UNPROCESSABLE_ENTITY, "scope", "choose which texts they agreed to")
            length = request.headers.get("content-length", "0")
            size = int(length) if length.isdigit() else 0
            file = await self._jobs.begin(person, file_name, size, scope)
            has_begun = True
            return file

        try:
            await receive(request, begin)
        except HTTPProblem as problem:
            if has_begun:
                await self._jobs.broken_off(merchant, str(problem.detail))
            if problem.status_code == HTTPStatus.FORBIDDEN:
                raise
            return redirect(f"{PATH}?problem={quote(sentence(str(problem.detail)))}")
        except BaseException:
            if has_begun:
                await self._jobs.broken_off(merchant, "the upload did not come to its end; choose the file again")
            raise
        try:
            await self._jobs.received(merchant)
        except HTTPProblem as problem:
            return redirect(f"{PATH}?problem={quote(sentence(str(problem.detail)))}")
        return redirect(PATH)

    async def decide(
        self, request: Request, person: SignedIn, import_id: UUID, form_token: _Field = "", action: _Field = ""
    ) -> Response:
        """Import a file that was tried, or stop it."""
        require_own_form(request, person, form_token)
        require(person, "consents:write")
        try:
            if action == "import":
                await self._jobs.confirm(person.merchant.id, import_id)
            else:
                await self._jobs.stop(person.merchant.id, import_id)
        except HTTPProblem as problem:
            return await self._page(request, person, sentence(str(problem.detail)), HTTPStatus.CONFLICT)
        return redirect(PATH)

    async def refused(self, person: SignedIn, import_id: UUID) -> Response:
        """Answer the refused rows as a CSV file.

        Raises:
            HTTPProblem: 403 a role that may not import, 404 the shop has no such import.
        """
        require(person, "consents:write")
        entry = await self._jobs.newest(person.merchant.id)
        if entry is None or entry.import_id != import_id:
            raise HTTPProblem(HTTPStatus.NOT_FOUND, "not_found", "no such import; its report is kept a day")
        rows = await self._jobs.refusals(entry, MOST_REFUSALS)
        return csv_answer("refused-rows", ("line", "reason", "detail"), ((r.line, r.reason, r.detail) for r in rows))

    async def _page(
        self, request: Request, person: SignedInPerson, problem: str, status: HTTPStatus = HTTPStatus.OK
    ) -> Response:
        entry = await self._jobs.newest(person.merchant.id)
        values = {
            "entry": entry,
            "is_running": entry is not None and entry.state in RUNNING,
            "is_held": entry is not None and entry.state in HELD,
            "refusals": await self._refusals(entry),
            "reasons": REASONS,
            "scopes": [*_SCOPES.items()],
            "problem": problem,
        }
        return self._show(request, person, "import", values, status)

    async def _refusals(self, entry: StoredImport | None) -> list[Any]:
        return [] if entry is None or not entry.refused else await self._jobs.refusals(entry, _LISTED)

    def create_router(self, sessions: Sessions) -> APIRouter:
        """Return the routes."""
        router = self._router(PATH, sessions)
        router.add_api_route("", self.show)
        router.add_api_route("", self.upload, methods=["POST"])
        router.add_api_route("/{import_id}", self.decide, methods=["POST"])
        router.add_api_route("/{import_id}/refused.csv", self.refused)
        return router
