"""What each page of the console is made of: it asks services in the name of a person, and renders what they answer."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from services.console.accounts.sessions import Sessions, SignedInPerson
from services.console.accounts.sign_in import signed_in
from services.console.calls import ServiceAnswer, ServiceCalls
from services.console.page_route import page_route
from services.console.rendering import PageRenderer, frame
from shared.http.problems import HTTPProblem

_LONGEST_QUERY: Final = 2_000
"""Characters of a query that is handed on."""


class ConsolePage:
    """Base of a page. Each names the place of the navigation that it belongs to.

    Args:
        calls: to the services.
        renderer: of its templates.
    """

    place = ""

    def __init__(self, calls: ServiceCalls, renderer: PageRenderer) -> None:
        self._calls = calls
        self._renderer = renderer

    async def _asked(self, person: SignedInPerson, service: str, path: str, query: str = "") -> Mapping[str, Any]:
        """Return what a service answers to a GET.

        Raises:
            HTTPProblem: what it refuses, as it says it; 502, it does not answer.
        """
        return accepted(await self._calls.get(person, service, path, query)).body

    def _show(
        self,
        request: Request,
        person: SignedInPerson,
        template: str,
        values: Mapping[str, Any],
        status: HTTPStatus = HTTPStatus.OK,
    ) -> Response:
        """Answer a template in the console's frame."""
        return self._renderer.page(request, template, frame(person, self.place) | dict(values), status)

    def _router(self, prefix: str, sessions: Sessions, *, also_unfinished: bool = False) -> APIRouter:
        """Return a router whose routes require a session and answer errors as pages."""
        return APIRouter(
            prefix=prefix,
            include_in_schema=False,
            dependencies=[Depends(signed_in(sessions, also_unfinished=also_unfinished))],
            route_class=page_route(self._renderer),
        )


def query_of(request: Request) -> str:
    """Return the query of an address as the browser sent it, to be handed on.

    Raises:
        HTTPProblem: 414.
    """
    query = str(request.url.query)
    if len(query) > _LONGEST_QUERY:
        raise HTTPProblem(HTTPStatus.REQUEST_URI_TOO_LONG, "too_long", "this address is too long")
    return query


def accepted(answer: ServiceAnswer) -> ServiceAnswer:
    """Return an answer that says yes.

    Raises:
        HTTPProblem: what the service refuses, in its words; 502 for a failure of the service.
    """
    if answer.is_success:
        return answer
    status = answer.status if answer.status < HTTPStatus.INTERNAL_SERVER_ERROR else HTTPStatus.BAD_GATEWAY
    raise HTTPProblem(status, str(answer.body.get("code", "no_answer")), answer.problem)


def require(person: SignedInPerson, scope: str) -> None:
    """Check what a person may do, before anything is asked of a service.

    Raises:
        HTTPProblem: 403.
    """
    if not person.may(scope):
        raise HTTPProblem(HTTPStatus.FORBIDDEN, "missing_scope", f"this takes the scope {scope}; your role lacks it")
