"""The editor of flows: a file as text, checked while it is typed, saved if nobody changed it meanwhile."""

import re
from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response

from services.console.accounts.sessions import Sessions, SignedInPerson
from services.console.accounts.sign_in import SignedIn, require_own_form
from services.console.calls import ServiceAnswer
from services.console.flows.answers import FlowLists
from services.console.flows.differences import changed_lines
from services.console.flows.drafts import DraftCheck, EditedFile, examples, line_of, with_lines
from services.console.flows.fields import FIELD_GROUPS
from services.console.flows.figures import foreign_characters
from services.console.page import ConsolePage, accepted, require
from services.console.rendering import redirect
from services.console.words import sentence
from shared.config.model import SLUG
from shared.http.problems import HTTPProblem, unprocessable

PATH: Final = "/console/edit-flow"
NEW_PATH: Final = "/console/new-flow"
MOST_CHARACTERS: Final = 48_000
_CHANGED: Final = "changed_meanwhile"

_Short = Annotated[str, Form(max_length=200)]


class FlowEditor(ConsolePage):
    """Answers the editor, and passes on what its form asks for."""

    place = "flows"

    async def choose(self, request: Request, person: SignedIn) -> Response:
        """Answer the examples that a new flow can begin with.

        Raises:
            HTTPProblem: 403 a role that may not write flows.
        """
        require(person, "flows:write")
        return self._show(request, person, "new_flow", {"examples": list(examples().values()), "pattern": SLUG})

    async def edit(
        self,
        request: Request,
        person: SignedIn,
        flow: Annotated[str, Query(max_length=200)] = "",
        example: Annotated[str, Query(max_length=64)] = "",
        saved: Annotated[str, Query(max_length=64)] = "",
    ) -> Response:
        """Answer the editor with the file of a flow, or with an example where there is no file yet.

        Raises:
            HTTPProblem: 403 a role that may not write flows, 404 there is neither, 502 the scheduler does not answer.
        """
        require(person, "flows:write")
        _require_name(flow)
        file = await self._file(person, flow)
        if file is None and example not in examples():
            raise HTTPProblem(HTTPStatus.NOT_FOUND, "not_found", "this flow has no file that can be edited here")
        text = examples()[example].named(flow) if file is None else file.text
        in_force = await self._version(person, flow) == saved if saved else False
        values = {"saved": saved, "in_force": in_force, "exists": file is not None and bool(example)}
        return await self._editor(request, person, flow, text, file.sha256 if file else "", file, values)

    async def change(
        self,
        request: Request,
        person: SignedIn,
        flow: _Short = "",
        form_token: _Short = "",
        action: _Short = "check",
        base: _Short = "",
        text: Annotated[str, Form(max_length=MOST_CHARACTERS)] = "",
    ) -> Response:
        """Check, save, delete or hand out what was typed.

        Raises:
            HTTPProblem: 403 the form of another session, or a role that may not; 502 the scheduler does not answer.
        """
        require_own_form(request, person, form_token)
        require(person, "flows:write")
        _require_name(flow)
        written = with_lines(text)
        match action:
            case "save":
                return await self._save(request, person, flow, written, base)
            case "delete":
                answer = await self._calls.delete(person, "scheduler", _file_path(flow), _condition(base))
                if answer.is_success:
                    return redirect("/console/flows")
                return await self._told(request, person, flow, written, answer, base)
            case "download":
                headers = {"Content-Disposition": f'attachment; filename="{flow}.yaml"', "Cache-Control": "no-store"}
                return Response(written, media_type="application/yaml; charset=utf-8", headers=headers)
            case _:
                return await self._editor(request, person, flow, written, base, await self._file(person, flow))

    async def _save(self, request: Request, person: SignedInPerson, flow: str, text: str, base: str) -> Response:
        path, body = _file_path(flow), {"text": text}
        answer = await self._calls.post(person, "scheduler", path, body, headers=_condition(base))
        if answer.is_success:
            return redirect(f"{PATH}?{urlencode({'flow': flow, 'saved': answer.body['version']})}")
        return await self._told(request, person, flow, text, answer, base)

    async def _told(
        self, request: Request, person: SignedInPerson, flow: str, text: str, answer: ServiceAnswer, base: str
    ) -> Response:
        """Answer the editor with what was typed, and why it was not done."""
        file = await self._file(person, flow)
        values: dict[str, Any] = {"problem": sentence(str(answer.body.get("detail") or answer.problem))}
        if answer.body.get("code") == _CHANGED:
            theirs = "" if file is None else file.text
            values |= {"theirs": theirs, "differences": changed_lines(theirs, text)}
            base = "" if file is None else file.sha256
        return await self._editor(request, person, flow, text, base, file, values, answer.status)

    async def _editor(
        self,
        request: Request,
        person: SignedInPerson,
        flow: str,
        text: str,
        base: str,
        file: EditedFile | None,
        more: dict[str, Any] | None = None,
        status: HTTPStatus = HTTPStatus.OK,
    ) -> Response:
        told = await self._calls.post(person, "scheduler", f"/v1/flows/{quote(flow, safe='')}/check", {"text": text})
        check = DraftCheck.model_validate(accepted(told).body)
        values = {
            "flow": flow,
            "text": text,
            "base": base,
            "check": check,
            "lines": {each.line: line_of(text, each.line) for each in check.problems},
            "is_writable": file is None or file.is_writable,
            "is_new": file is None,
            "most": MOST_CHARACTERS,
            "saved": "",
            "in_force": False,
            "exists": False,
            "problem": "",
            "theirs": None,
            "differences": None,
            "field_groups": FIELD_GROUPS,
            "foreign_characters": foreign_characters,
            "no_price": lambda *_: "",
        }
        return self._show(request, person, "edit_flow", values | (more or {}), status)

    async def _file(self, person: SignedInPerson, flow: str) -> EditedFile | None:
        """Return the file of a flow; None where there is none."""
        answer = await self._calls.get(person, "scheduler", _file_path(flow))
        if answer.status is HTTPStatus.NOT_FOUND:
            return None
        return EditedFile.model_validate(accepted(answer).body)

    async def _version(self, person: SignedInPerson, flow: str) -> str | None:
        """Return the version of a flow that is in force."""
        lists = FlowLists.model_validate(await self._asked(person, "scheduler", "/v1/flows"))
        return next((each.version for each in lists.flows if each.flow == flow), None)

    def create_router(self, sessions: Sessions) -> APIRouter:
        """Return the routes."""
        router = self._router("", sessions)
        router.add_api_route(NEW_PATH, self.choose)
        router.add_api_route(PATH, self.edit)
        router.add_api_route(PATH, self.change, methods=["POST"])
        return router


def _require_name(flow: str) -> None:
    """Check the name of a flow.

    Raises:
        HTTPProblem: 422.
    """
    if re.fullmatch(SLUG, flow) is None:
        raise unprocessable("flow", "the name of a flow is lower case letters, digits and hyphens, at most 64")


def _file_path(flow: str) -> str:
    return f"/v1/flows/{quote(flow, safe='')}/file"


def _condition(base: str) -> dict[str, str]:
    """Return the header that says what is changed: the file of a hash, or none where the form began with none."""
    return {"If-Match": f'"{base}"'} if base else {"If-None-Match": "*"}
