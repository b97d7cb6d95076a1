"""Signing in to the console, as a user, with a key typed into a form or with a one-time code; and signing out."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request
from fastapi.responses import Response
from starlette.background import BackgroundTask

from services.console.accounts.account_log import browser_of, origin_of
from services.console.accounts.failed_sign_ins import FailedSignIns
from services.console.accounts.passwords import LONGEST_PASSWORD
from services.console.accounts.second_factors import SecondFactors
from services.console.accounts.sessions import (
    CODE_MINUTES,
    COOKIE,
    SCOPE,
    STEP_COOKIE,
    STEP_MINUTES,
    Sessions,
    SignedInPerson,
)
from services.console.accounts.user_store import StoredUser
from services.console.accounts.users import Users, name_of
from services.console.instruments import SIGN_INS
from services.console.rendering import HEADERS, SIGN_IN, PageRenderer, frame, redirect
from services.console.typed_forms import MOST_CHARACTERS, TypedForm
from shared.audit import Actor, AddressClass
from shared.clock import Clock
from shared.http.auth import Caller, Keys, SignedInRoute, key_sha256, requires
from shared.http.guess_throttle import GuessThrottle
from shared.http.networks import subscriber_of
from shared.http.problems import HTTPProblem
from shared.telemetry.logs import logger

_LONGEST: Final = 200
"""Characters of a key or code that are looked at."""
_LONGEST_NAME: Final = 64
OTHER_SESSION: Final = "other_session"
_WORDS: Final = {
    HTTPStatus.FORBIDDEN: f"This key lacks the scope {SCOPE}; add it in merchant.yaml.",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many attempts; wait a minute.",
}
_NOTHING_ENTERED: Final = "Enter your name and password, or a key."
_NO_SUCH_KEY: Final = "No merchant has this key."
_NO_SUCH_CODE: Final = "This code was used or has expired. Sign in with a key, or request another code."
_BY_NAME: Final = "This shop asks everybody for two steps, and a key is one. Sign in by name."
SET_UP: Final = "/console/settings/sign-in"
"""Where a second step is set up."""
_NO_SUCH_USER: Final = "There is no user of this name with this password."

log = logger(__name__)


def signed_in(sessions: Sessions, *, also_unfinished: bool = False) -> Callable[[Request], Awaitable[None]]:
    """Return a dependency that gives the request the person of its session, or redirects to the sign-in form.

    Whoever has to set up a second step first is redirected to where that is done, unless `also_unfinished` may pass.
    """

    async def sign_in_first(request: Request) -> None:
        found = await sessions.person_of(request.cookies.get(COOKIE))
        if found is None:
            raise HTTPException(HTTPStatus.SEE_OTHER, "sign in first", headers={"Location": SIGN_IN, **HEADERS})
        if found.has_to_set_up and not also_unfinished:
            raise HTTPException(HTTPStatus.SEE_OTHER, "two steps first", headers={"Location": SET_UP, **HEADERS})
        request.state.person = found

    return sign_in_first


async def _person(request: Request) -> SignedInPerson:
    found: SignedInPerson = request.state.person
    return found


SignedIn = Annotated[SignedInPerson, Depends(_person)]
"""Who is signed in, for a route that depends on `signed_in`."""


def require_own_form(request: Request, person: SignedInPerson, form_token: str) -> None:
    """Check that a form was sent from a page of the same sign-in.

    Raises:
        HTTPProblem: 403, from elsewhere.
    """
    refuse_other_sites(request)
    if not person.sent(form_token):
        raise HTTPProblem(
            HTTPStatus.FORBIDDEN, OTHER_SESSION, "this form was opened in another session; go back, reload and repeat"
        )


class SignIn:
    """Signs in and out, and creates codes.

    Args:
        sessions: of this process.
        users: who may sign in by name.
        factors: whose sign-in has a second step.
        failed: counts wrong passwords.
        renderer: of the form.
        clock: for the limit on attempts.
        public_url: at which clients reach the console, whatever protocol a proxy uses.
    """

    def __init__(
        self,
        sessions: Sessions,
        users: Users,
        factors: SecondFactors,
        failed: FailedSignIns,
        renderer: PageRenderer,
        clock: Clock,
        public_url: str,
    ) -> None:
        self.sessions = sessions
        self._users = users
        self._factors = factors
        self._failed = failed
        self._renderer = renderer
        self._throttle = GuessThrottle(clock)
        self._is_https = public_url.startswith("https:")

    async def ask(self, request: Request, code: Annotated[str, Query(max_length=_LONGEST)] = "") -> Response:
        """Answer the form."""
        return self._renderer.page(request, "sign_in", {"problem": None, "code": code, "typed": ""})

    async def sign_in(
        self,
        request: Request,
        name: Annotated[str, Form(max_length=_LONGEST_NAME)] = "",
        password: Annotated[str, Form(max_length=LONGEST_PASSWORD)] = "",
        key: Annotated[str, Form(max_length=_LONGEST)] = "",
        code: Annotated[str, Form(max_length=_LONGEST)] = "",
        typed: Annotated[str, Form(max_length=MOST_CHARACTERS)] = "",
    ) -> Response:
        """Answer the redirect to the console with a session cookie, or the form with what was wrong.

        What was typed into a form before the session ended is handed on, to be sent again.
        """
        refuse_other_sites(request)
        name, key, code = name_of(name), key.strip(), code.strip()
        if not (code or key or (name and password)):
            return await self._nothing_entered(request, typed)
        guessed = f"key {key_sha256(code or key)}" if code or key else f"user {name}"
        names = (f"address {address_of(request)}", guessed)
        if wait := self._throttle.wait_seconds(*names):
            SIGN_INS.labels(outcome="braked").inc()
            throttled = self.form(request, HTTPStatus.TOO_MANY_REQUESTS, _WORDS[HTTPStatus.TOO_MANY_REQUESTS], typed)
            throttled.headers["Retry-After"] = str(int(wait) + 1)
            return throttled
        origin = origin_of(request)
        if code:
            cookie, status, words = await self.sessions.redeem(code, origin), HTTPStatus.UNAUTHORIZED, _NO_SUCH_CODE
        elif key:
            cookie, status, words = await self._by_key(request.app.state.keys, key, origin)
        else:
            user = await self._by_name(name, password, names)
            if user is not None and (asked := await self.second_step(request, user, typed)) is not None:
                self._throttle.right(*names)
                return asked
            cookie, status, words = None, HTTPStatus.UNAUTHORIZED, _NO_SUCH_USER
            if user is not None:
                cookie = await self.sessions.open_for(user, origin, browser_of(request))
        if cookie is not None:
            self._throttle.right(*names)
            return await self.welcome(request, cookie, typed)
        if code or key:
            self._throttle.wrong(*names)
        SIGN_INS.labels(outcome="refused").inc()
        log.warning("console_sign_in_refused", address=address_of(request), status=int(status))
        refused = self.form(request, status, words, typed)
        if not (code or key):
            refused.background = BackgroundTask(self._failed.count, name, "password", origin)
        return refused

    async def _nothing_entered(self, request: Request, typed: str) -> Response:
        """Answer the form; or what was typed, to somebody who has signed in meanwhile in another tab."""
        form = TypedForm.parsed(typed)
        person = await self.sessions.person_of(request.cookies.get(COOKIE)) if form is not None else None
        if person is None or person.has_to_set_up:
            return self.form(request, HTTPStatus.UNPROCESSABLE_ENTITY, _NOTHING_ENTERED, typed)
        return self._renderer.page(request, "typed", frame(person, "") | {"typed": form})

    async def welcome(self, request: Request, cookie: str, typed: str) -> Response:
        """Answer the redirect to the console, or what was typed before the last session ended.

        Whoever this browser was signed in as before is signed out.
        """
        SIGN_INS.labels(outcome="signed_in").inc()
        await self.sessions.end(request.cookies.get(COOKIE))
        form = TypedForm.parsed(typed)
        person = await self.sessions.person_of(cookie) if form is not None else None
        if person is None or person.has_to_set_up:
            return self.let_in(request, cookie)
        answer = self._renderer.page(request, "typed", frame(person, "") | {"typed": form})
        return self.with_cookie(request, answer, cookie)

    async def second_step(self, request: Request, user: StoredUser, typed: str = "") -> Response | None:
        """Answer the form of the second step, in this browser alone; nobody is signed in yet. None: one step is all."""
        if not await self._factors.is_set_up(user.name):
            return None
        answer = self._renderer.page(request, "sign_in_code", {"problem": "", "typed": typed})
        answer.set_cookie(
            STEP_COOKIE,
            await self.sessions.begin(user),
            max_age=STEP_MINUTES * 60,
            path=SIGN_IN,
            secure=self.is_secure(request),
            httponly=True,
            samesite="strict",
        )
        return answer

    async def _by_name(self, name: str, password: str, names: tuple[str, str]) -> StoredUser | None:
        """Return the user whose name and password these are.

        The attempt counts as wrong before it is known to be: many at the same time are as many guesses.
        """
        self._throttle.wrong(*names)
        return await self._users.who(name, password)

    async def _by_key(self, keys: Keys, key: str, origin: AddressClass) -> tuple[str | None, HTTPStatus, str]:
        """Return the cookie of a new session for a key, or why there is none."""
        try:
            caller = keys.caller(key, [SCOPE])
        except HTTPProblem as problem:
            return None, problem.status, _WORDS.get(problem.status, _NO_SUCH_KEY)
        if await self._factors.is_required(caller.merchant.id):
            return None, HTTPStatus.FORBIDDEN, _BY_NAME
        by = Actor.named(caller.key_id, origin)
        return await self.sessions.open(caller.merchant.id, caller.key_sha256, by), HTTPStatus.OK, ""

    def let_in(self, request: Request, cookie: str) -> Response:
        """Answer the redirect to the console, with the cookie of a new session: never one that the browser brought."""
        return self.with_cookie(request, redirect("/console"), cookie)

    def with_cookie(self, request: Request, answer: Response, cookie: str) -> Response:
        """Return an answer that carries the cookie of a session."""
        answer.set_cookie(
            COOKIE,
            cookie,
            max_age=self.sessions.seconds,
            path="/console",
            secure=self.is_secure(request),
            httponly=True,
            samesite="strict",
        )
        return answer

    def is_secure(self, request: Request) -> bool:
        """Return whether the browser reaches the console by HTTPS."""
        return self._is_https or request.url.scheme == "https"

    def form(self, request: Request, status: HTTPStatus, words: str, typed: str = "") -> Response:
        """Answer the form of the first step, with what was wrong."""
        return self._renderer.page(request, "sign_in", {"problem": words, "code": "", "typed": typed}, status)

    async def sign_out(self, request: Request, form_token: Annotated[str, Form(max_length=_LONGEST)] = "") -> Response:
        """End the session and answer the redirect to the form."""
        cookie = request.cookies.get(COOKIE)
        person = await self.sessions.person_of(cookie)
        if person is not None and cookie is not None:
            require_own_form(request, person, form_token)
            await self.sessions.sign_out(cookie, person, origin_of(request))
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
        router = APIRouter(tags=["console"], route_class=SignedInRoute)

        @router.post("/console/codes", status_code=HTTPStatus.CREATED, summary="Create a one-time sign-in code")
        async def make(caller: Annotated[Caller, Depends(requires(SCOPE))]) -> dict[str, Any]:
            if caller.is_operator or caller.body_sha256 is not None:
                raise HTTPProblem(
                    HTTPStatus.FORBIDDEN, "key_needed", "a session belongs to an API key; use one of the merchant's"
                )
            code = await self.sessions.code(caller.merchant.id, caller.key_sha256)
            return {"code": code, "path": f"{SIGN_IN}?code={code}", "minutes": CODE_MINUTES}

        return router


def address_of(request: Request) -> str:
    """Return the network that a request came from, as wrong guesses are counted: of IPv6 a subscriber's whole one."""
    return subscriber_of(request.client.host)[:64] if request.client else ""


def refuse_other_sites(request: Request) -> None:
    """Refuse a form that another site's page submits.

    Browsers say so in `Sec-Fetch-Site`, older ones in `Origin` (a page that hides its own says `null`).

    Source: https://www.w3.org/TR/fetch-metadata/
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    is_own = site in {"same-origin", "none"} if site else _is_own(origin, request.headers.get("host", ""))
    if not is_own:
        raise HTTPProblem(HTTPStatus.FORBIDDEN, "other_site", "use the form on the console's own page")


def _is_own(origin: str | None, host: str) -> bool:
    """Return whether a page's origin is the address that was asked; no browser, no origin."""
    try:
        return origin is None or urlsplit(origin).netloc == host
    except ValueError:
        return False
