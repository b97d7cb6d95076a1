"""How the console answers what goes wrong: as a page, and without losing what was typed.

A form that is sent after its session ended is not thrown away: its fields are shown after signing in again, to be sent
by the person who typed them.
"""

from collections.abc import Callable, Coroutine, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from services.console.accounts.sessions import SignedInPerson
from services.console.accounts.sign_in import OTHER_SESSION, refuse_other_sites
from services.console.rendering import PageRenderer, frame
from services.console.typed_forms import TypedForm
from shared.errors import Fault
from shared.http.problems import HTTPProblem

_TITLES: Final = {
    HTTPStatus.FORBIDDEN: "This is not yours to open",
    HTTPStatus.NOT_FOUND: "There is nothing here",
    HTTPStatus.UNPROCESSABLE_ENTITY: "That could not be understood",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many requests",
    HTTPStatus.BAD_GATEWAY: "A service does not answer",
    HTTPStatus.SERVICE_UNAVAILABLE: "Not available at this moment",
}
_NOTHING_STORED: Final = "Nothing was stored; try again in a moment."


def page_route(renderer: PageRenderer) -> type[APIRoute]:
    """Return the class of a page's routes: their error answers are pages, in the console's frame."""

    class PageRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            answer = super().get_route_handler()

            async def answer_with_pages(request: Request) -> Response:
                try:
                    return await answer(request)
                except HTTPException as problem:
                    status = HTTPStatus(problem.status_code)
                    typed = await _kept(request, problem)
                    if typed is not None:
                        return _send_again(renderer, request, typed)
                    if status < HTTPStatus.BAD_REQUEST:  # the way to the sign-in form
                        raise
                    return _problem(renderer, request, status, problem.detail)
                except RequestValidationError as problem:
                    return _problem(renderer, request, HTTPStatus.UNPROCESSABLE_ENTITY, _words(problem.errors()))
                except Fault as fault:
                    if not fault.retryable:
                        raise
                    return _problem(renderer, request, HTTPStatus.SERVICE_UNAVAILABLE, _NOTHING_STORED)

            return answer_with_pages

    return PageRoute


def _problem(renderer: PageRenderer, request: Request, status: HTTPStatus, words: str) -> Response:
    person: SignedInPerson | None = getattr(request.state, "person", None)
    values: dict[str, Any] = {
        "title": _TITLES.get(status, status.phrase),
        "words": _sentence(words),
        "back": "/console",
    }
    if person is None:
        return renderer.page(request, "problem_signed_out", values, status)
    return renderer.page(request, "problem", frame(person, "") | values, status)


async def _kept(request: Request, problem: HTTPException) -> TypedForm | None:
    """Return the form that was refused only because its session is not the one that is signed in now."""
    has_ended = problem.status_code == HTTPStatus.SEE_OTHER
    if not has_ended and not (isinstance(problem, HTTPProblem) and problem.code == OTHER_SESSION):
        return None
    try:
        refuse_other_sites(request)
    except HTTPProblem:
        return None
    return await TypedForm.sent_by(request)


def _send_again(renderer: PageRenderer, request: Request, typed: TypedForm) -> Response:
    """Answer what was typed, to be sent again; whoever is not signed in signs in first."""
    person: SignedInPerson | None = getattr(request.state, "person", None)
    if person is None:
        words = "Your sign-in has ended. Sign in again: what you typed is kept."
        values = {"problem": words, "code": "", "typed": typed.encoded()}
        return renderer.page(request, "sign_in", values, HTTPStatus.UNAUTHORIZED)
    return renderer.page(request, "typed", frame(person, "") | {"typed": typed}, HTTPStatus.CONFLICT)


def _words(errors: Sequence[Any]) -> str:
    field = ".".join(str(part) for part in errors[0]["loc"][1:])
    reason = str(errors[0]["msg"]).removeprefix("Value error, ")
    return f"{field}: {reason}" if field else reason


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}".rstrip(".") + "."
