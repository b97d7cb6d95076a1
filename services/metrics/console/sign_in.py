"""Signing in to the console with a key typed into a form or with a one-time code, and signing out."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request
from fastapi.responses import Response

from services.metrics.console.rendering import HEADERS, SIGN_IN, PageRenderer, redirect
from services.metrics.console.sessions import CODE_MINUTES, COOKIE, SCOPE, Sessions
from services.metrics.instruments import SIGN_INS
from shared.clock import Clock
from shared.config.directory import Merchant
from shared.http.auth import Caller, Keys, SignedInRoute, key_sha256, requires
from shared.http.guess_throttle import GuessThrottle
from shared.http.networks import subscriber_of
from shared.http.problems import HTTPProblem
from shared.telemetry.logs import logger

_LONGEST: Final = 200
"""Characters of a key or code that are looked at."""
_WORDS: Final = {
    HTTPStatus.FORBIDDEN: f"This key lacks the scope {SCOPE}; add it in merchant.yaml.",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many attempts; wait a minute.",
}
_NO_SUCH_KEY: Final = "No merchant has this key."
_NO_SUCH_CODE: Final = "This code was used or has expired. Sign in with a key, or request another code."

log = logger(__name__)


def signed_in(sessions: Sessions) -> Callable[[Request], Awaitable[None]]:
    """Return a dependency that gives the request the merchant of its session, or redirects to the sign-in form."""

    async def sign_in_first(request: Request) -> None:
        found = await sessions.merchant_of(request.cookies.get(COOKIE))
        if found is None:
            raise HTTPException(HTTPStatus.SEE_OTHER, "sign in first", headers={"Location": SIGN_IN, **HEADERS})
        request.state.merchant = found

    return sign_in_first


async def _merchant(request: Request) -> Merchant:
    found: Merchant = request.state.merchant
    return found


SignedIn = Annotated[Merchant, Depends(_merchant)]
"""The merchant of the session, for a route that depends on `signed_in`."""


class SignIn:
    """Signs in and out, and creates codes.

    Args:
        sessions: of this process.
        renderer: of the form.
        clock: for the limit on attempts.
        public_url: at which clients reach the console, whatever protocol a proxy uses.
    """

    def __init__(self, sessions: Sessions, renderer: PageRenderer, clock: Clock, public_url: str) -> None:
        self.sessions = sessions
        self._renderer = renderer
        self._throttle = GuessThrottle(clock)
        self._is_https = public_url.startswith("https:")

    async def ask(self, request: Request, code: Annotated[str, Query(max_length=_LONGEST)] = "") -> Response:
        """Answer the form."""
        return self._renderer.page(request, "sign_in", {"problem": None, "code": code})

    async def sign_in(
        self,
        request: Request,
        key: Annotated[str, Form(max_length=_LONGEST)] = "",
        code: Annotated[str, Form(max_length=_LONGEST)] = "",
    ) -> Response:
        """Answer the redirect to the console with a session cookie, or the form with what was wrong."""
        _refuse_other_sites(request)
        key, code = key.strip(), code.strip()
        given = code or key
        if not given:
            return self._form(request, HTTPStatus.UNPROCESSABLE_ENTITY, "Enter a key.")
        names = (f"address {_address(request)}", f"key {key_sha256(given)}")
        if wait := self._throttle.wait_seconds(*names):
            SIGN_INS.labels(outcome="braked").inc()
            throttled = self._form(request, HTTPStatus.TOO_MANY_REQUESTS, _WORDS[HTTPStatus.TOO_MANY_REQUESTS])
            throttled.headers["Retry-After"] = str(int(wait) + 1)
            return throttled
        if code:
            cookie, status, words = await self.sessions.redeem(code), HTTPStatus.UNAUTHORIZED, _NO_SUCH_CODE
        else:
            cookie, status, words = await self._by_key(request.app.state.keys, key)
        if cookie is not None:
            self._throttle.right(*names)
            SIGN_INS.labels(outcome="signed_in").inc()
            return self._let_in(request, cookie)
        self._throttle.wrong(*names)
        SIGN_INS.labels(outcome="refused").inc()
        log.warning("console_sign_in_refused", address=_address(request), status=int(status))
        return self._form(request, status, words)

    async def _by_key(self, keys: Keys, key: str) -> tuple[str | None, HTTPStatus, str]:
        """Return the cookie of a new session for a key, or why there is none."""
        try:
            caller = keys.caller(key, SCOPE)
        except HTTPProblem as problem:
            return None, problem.status, _WORDS.get(problem.status, _NO_SUCH_KEY)
        return await self.sessions.open(caller.merchant.id, caller.key_sha256), HTTPStatus.OK, ""

    def _let_in(self, request: Request, cookie: str) -> Response:
        answer = redirect("/console")
        answer.set_cookie(
            COOKIE,
            cookie,
            max_age=self.sessions.seconds,
            path="/console",
            secure=self._is_https or request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )
        return answer

    def _form(self, request: Request, status: HTTPStatus, words: str) -> Response:
        return self._renderer.page(request, "sign_in", {"problem": words, "code": ""}, status)

    async def sign_out(self, request: Request) -> Response:
        """End the session and answer the redirect to the form."""
        _refuse_other_sites(request)
        await self.sessions.end(request.cookies.get(COOKIE))
        answer = redirect(SIGN_IN)
        answer.delete_cookie(COOKIE, path="/console")
        return answer

    def create_router(self) -> APIRouter:
        """Return the routes of signing in and out."""
        router = APIRouter(prefix="/console", include_in_schema=False)
        router.add_api_route("/sign-in", self.ask)
        router.add_api_route("/sign-in", self.sign_in, methods=["POST"])
        router.add_api_route("/sign-out", self.sign_out, methods=["POST"])
        return router

    def create_codes_router(self) -> APIRouter:
        """Return the route that creates codes."""
        router = APIRouter(tags=["metrics"], route_class=SignedInRoute)

        @router.post("/console/codes", status_code=HTTPStatus.CREATED, summary="Create a one-time sign-in code")
        async def make(caller: Annotated[Caller, Depends(requires(SCOPE))]) -> dict[str, Any]:
            if not caller.key_sha256:
                raise HTTPProblem(
                    HTTPStatus.FORBIDDEN, "key_needed", "a session belongs to an API key; use one of the merchant's"
                )
            code = await self.sessions.code(caller.merchant.id, caller.key_sha256)
            return {"code": code, "path": f"{SIGN_IN}?code={code}", "minutes": CODE_MINUTES}

        return router


def _address(request: Request) -> str:
    return subscriber_of(request.client.host)[:64] if request.client else ""


def _refuse_other_sites(request: Request) -> None:
    """Refuse a form that another site's page submits.

    Source: https://www.w3.org/TR/fetch-metadata/
    """
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise HTTPProblem(HTTPStatus.FORBIDDEN, "other_site", "use the form on the console's own page")
