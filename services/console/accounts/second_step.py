"""The second step of signing in: a code, after the password was right, in the same browser, within five minutes."""

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from starlette.background import BackgroundTask

from services.console.accounts.account_log import browser_of, origin_of
from services.console.accounts.failed_sign_ins import FailedSignIns
from services.console.accounts.second_factors import SecondFactors
from services.console.accounts.sessions import STEP_COOKIE
from services.console.accounts.sign_in import SignIn, refuse_other_sites
from services.console.instruments import SIGN_INS
from services.console.rendering import SIGN_IN, PageRenderer, redirect
from services.console.typed_forms import MOST_CHARACTERS
from shared.clock import Clock
from shared.db.unit_of_work import UnitOfWork
from shared.http.guess_throttle import GuessThrottle

_LONGEST_CODE: Final = 64
_MOST_WRONG: Final = 5
_WRONG_SECONDS: Final = 300.0
"""After five wrong codes one may be tried every five minutes: of a million, 288 a day, three of which are good."""
_TOO_LATE: Final = "Signing in took too long. Enter your name and password again."
_WRONG: Final = "This is not the code of this moment, or it was used before. Wait for the next one."
_BRAKED: Final = "Too many wrong codes; wait five minutes."


class SecondStep:
    """Asks for the code, and opens the session."""

    def __init__(
        self, sign_in: SignIn, factors: SecondFactors, failed: FailedSignIns, renderer: PageRenderer, clock: Clock
    ) -> None:
        self._sign_in = sign_in
        self._factors = factors
        self._failed = failed
        self._renderer = renderer
        self._throttle = GuessThrottle(clock, _MOST_WRONG, _WRONG_SECONDS)

    async def ask(self, request: Request) -> Response:
        """Answer the form for the code, or the way back to the first step."""
        if await self._sign_in.sessions.begun(request.cookies.get(STEP_COOKIE)) is None:
            return redirect(SIGN_IN)
        return self._form(request, HTTPStatus.OK, "", "")

    async def answer(
        self,
        request: Request,
        code: Annotated[str, Form(max_length=_LONGEST_CODE)] = "",
        typed: Annotated[str, Form(max_length=MOST_CHARACTERS)] = "",
    ) -> Response:
        """Answer the redirect to the console with a session cookie, or the form with what was wrong."""
        refuse_other_sites(request)
        sessions, origin = self._sign_in.sessions, origin_of(request)
        cookie = request.cookies.get(STEP_COOKIE)
        user = await sessions.begun(cookie)
        if user is None or cookie is None:
            SIGN_INS.labels(outcome="refused").inc()
            return self._sign_in.form(request, HTTPStatus.UNAUTHORIZED, _TOO_LATE, typed)
        if wait := self._throttle.wait_seconds(user.name):
            SIGN_INS.labels(outcome="braked").inc()
            braked = self._form(request, HTTPStatus.TOO_MANY_REQUESTS, _BRAKED, typed)
            braked.headers["Retry-After"] = str(int(wait) + 1)
            return braked
        self._throttle.wrong(user.name)  # before it is known to be: many at the same time are as many guesses

        async def proves(uow: UnitOfWork) -> bool:
            return await self._factors.takes(uow, user, code)

        opened = await sessions.complete(cookie, proves, origin, browser_of(request))
        if opened is None:
            SIGN_INS.labels(outcome="refused").inc()
            refused = self._form(request, HTTPStatus.UNAUTHORIZED, _WRONG, typed)
            refused.background = BackgroundTask(self._failed.count, user.name, "code", origin)
            return refused
        self._throttle.right(user.name)
        answer = await self._sign_in.welcome(request, opened, typed)
        answer.delete_cookie(STEP_COOKIE, path=SIGN_IN)
        return answer

    def _form(self, request: Request, status: HTTPStatus, words: str, typed: str) -> Response:
        return self._renderer.page(request, "sign_in_code", {"problem": words, "typed": typed}, status)

    def create_router(self) -> APIRouter:
        """Return the routes of the second step."""
        router = APIRouter(prefix=f"{SIGN_IN}/code", include_in_schema=False)
        router.add_api_route("", self.ask)
        router.add_api_route("", self.answer, methods=["POST"])
        return router
