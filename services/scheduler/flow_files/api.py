"""`/v1/flows/{flow}/file` and `/v1/flows/{flow}/check`: flow files over HTTP, for who has `flows:write`."""

import asyncio
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header
from fastapi import Path as InPath

from services.scheduler.dependencies import SchedulerDependencies
from services.scheduler.flow_files.bodies import (
    FlowCheckAnswer,
    FlowDeletedAnswer,
    FlowDraft,
    FlowFileAnswer,
    FlowProblemAnswer,
    FlowSavedAnswer,
)
from services.scheduler.flow_files.checking import question_of
from services.scheduler.flow_files.checks import CheckTooLong, FlowChecks
from services.scheduler.flow_files.folder import ChangedMeanwhile, FlowFolder, NotWritable
from shared.audit import AuditAction, AuditSubject, AuditSubjectKind, Deed
from shared.config.model import SLUG
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.http.auth import Caller, requires
from shared.http.problems import FieldProblem, HTTPProblem, not_found
from shared.http.strict_json import StrictRoute
from shared.vocabulary.built_in_flows import BUILT_IN_FLOWS

_FILE: Final = "/v1/flows/{flow}/file"
_SHA256: Final = re.compile(r'"?([0-9a-f]{64})"?')
_DIGITS: Final = 16
"""Of a hash, in the audit log."""
_TOO_LONG: Final = FlowCheckAnswer(
    is_valid=False,
    version=None,
    problems=[
        FlowProblemAnswer(
            line=1,
            severity="error",
            message="checking this takes too long",
            fix="make its conditions and texts shorter, or split the flow",
        )
    ],
    texts=[],
)

Reader = Annotated[Caller, Depends(requires("flows:read"))]
Writer = Annotated[Caller, Depends(requires("flows:write"))]
FlowSlug = Annotated[str, InPath(pattern=SLUG, max_length=64)]
IfMatch = Annotated[str | None, Header(alias="If-Match", description="The `sha256` of the file it changes.")]
IfNoneMatch = Annotated[str | None, Header(alias="If-None-Match", description="`*`: there must be no file yet.")]


def create_router(deps: SchedulerDependencies, checks: FlowChecks) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["flows"], route_class=StrictRoute)
    endpoints = FlowFileEndpoints(deps, checks, FlowFolder(deps.runtime.merchants.root))
    conflicts: dict[int | str, dict[str, Any]] = {
        409: {"description": "Somebody changed it meanwhile, or this process cannot write there."},
        428: {"description": "It does not say what it changes: `If-Match` or `If-None-Match: *`."},
    }
    router.post("/v1/flows/{flow}/check", summary="Say what is wrong with a flow that is being written")(
        endpoints.check
    )
    router.get(_FILE, summary="Show the file of a flow")(endpoints.read)
    router.post(_FILE, summary="Save the file of a flow, if nobody changed it meanwhile", responses=conflicts)(
        endpoints.save
    )
    router.delete(_FILE, summary="Delete the file of a flow, if nobody changed it meanwhile", responses=conflicts)(
        endpoints.delete
    )
    return router


@dataclass(frozen=True, slots=True)
class FlowFileEndpoints:
    """Checks, shows, saves and deletes the flow files of a merchant, and no other file."""

    deps: SchedulerDependencies
    checks: FlowChecks
    folder: FlowFolder

    async def check(self, flow: FlowSlug, draft: FlowDraft, caller: Writer) -> FlowCheckAnswer:
        """Return what is wrong with a flow, by line, and its texts as an invented person would get them."""
        question = question_of(flow, draft.text, caller.merchant, self.deps.runtime.clock.now().isoformat())
        try:
            return FlowCheckAnswer.model_validate(await self.checks.answer(caller.merchant.id, question))
        except CheckTooLong:
            return _TOO_LONG

    async def read(self, flow: FlowSlug, caller: Reader) -> FlowFileAnswer:
        """Return the file of a flow."""
        name = caller.merchant.id
        found = await asyncio.to_thread(self.folder.read, name, flow)
        if found is None:
            raise not_found("the file of this flow")
        is_writable = await asyncio.to_thread(self.folder.is_writable, name)
        return FlowFileAnswer(flow=flow, text=found.text, sha256=found.sha256, is_writable=is_writable)

    async def save(
        self,
        flow: FlowSlug,
        draft: FlowDraft,
        caller: Writer,
        if_match: IfMatch = None,
        if_none_match: IfNoneMatch = None,
    ) -> FlowSavedAnswer:
        """Save a file that has no error; the version in force stays until the new one is read."""
        base = _base(if_match, if_none_match)
        if flow in BUILT_IN_FLOWS:
            raise HTTPProblem(HTTPStatus.CONFLICT, "built_in", f"'{flow}' is the name of a built-in flow")
        checked = await self.check(flow, draft, caller)
        if not checked.is_valid or checked.version is None:
            raise _refused(checked)
        try:
            saved = await asyncio.to_thread(self.folder.save, caller.merchant.id, flow, draft.text, base)
        except (ChangedMeanwhile, NotWritable) as problem:
            raise _conflict(problem) from None
        said = (*_digits("before", base), *_digits("after", saved.sha256))
        await self._enter(caller, AuditAction.FLOW_SAVED, flow, said)
        return FlowSavedAnswer(flow=flow, sha256=saved.sha256, version=checked.version, problems=checked.problems)

    async def delete(self, flow: FlowSlug, caller: Writer, if_match: IfMatch = None) -> FlowDeletedAnswer:
        """Delete a file; what is planned is paused then, as for any flow that is removed."""
        base = _base(if_match, None)
        try:
            await asyncio.to_thread(self.folder.delete, caller.merchant.id, flow, base or "")
        except (ChangedMeanwhile, NotWritable) as problem:
            raise _conflict(problem) from None
        await self._enter(caller, AuditAction.FLOW_DELETED, flow, _digits("before", base))
        return FlowDeletedAnswer(flow=flow)

    async def _enter(self, caller: Caller, action: AuditAction, flow: str, said: tuple[str, ...]) -> None:
        """Enter what was done to a file, after the disk has it.

        Where the process dies in between there is no entry; the same request once more changes nothing and makes it.
        """
        deed = Deed(caller.merchant.id, action, AuditSubject(AuditSubjectKind.FLOW, flow), fields=said)

        async def work(uow: UnitOfWork) -> None:
            self.deps.audit.record(uow, caller.actor, deed)

        await self.deps.units.run(work, WritePriority.INGEST)


def _digits(name: str, sha256: str | None) -> tuple[str, ...]:
    return () if sha256 is None else (f"{name}:{sha256[:_DIGITS]}",)


def _base(if_match: str | None, if_none_match: str | None) -> str | None:
    """Return the hash of the file that is changed; None where there must be none yet.

    Raises:
        HTTPProblem: 428, it is not said.
    """
    found = _SHA256.fullmatch(if_match or "")
    if found is not None and if_none_match is None:
        return found[1]
    if if_match is None and if_none_match == "*":
        return None
    raise HTTPProblem(
        HTTPStatus.PRECONDITION_REQUIRED,
        "precondition_required",
        "say what you change: If-Match with the sha256 of the file you read, or If-None-Match: * for a new one",
    )


def _refused(checked: FlowCheckAnswer) -> HTTPProblem:
    errors = [each for each in checked.problems if each.severity == "error"]
    listed = [FieldProblem(field=f"line {each.line}", reason=_said(each)) for each in errors]
    detail = "the flow has errors, and was not saved; the version in force stays"
    return HTTPProblem(HTTPStatus.UNPROCESSABLE_ENTITY, "flow_has_errors", detail, listed)


def _said(problem: FlowProblemAnswer) -> str:
    return f"{problem.message}; {problem.fix}" if problem.fix else problem.message


def _conflict(problem: ChangedMeanwhile | NotWritable) -> HTTPProblem:
    if isinstance(problem, ChangedMeanwhile):
        detail = "somebody changed this file meanwhile; read it again, and put both together"
        return HTTPProblem(HTTPStatus.CONFLICT, "changed_meanwhile", detail)
    detail = f"this process cannot write the file ({problem}); change it where the files come from"
    return HTTPProblem(HTTPStatus.CONFLICT, "not_writable", detail)
