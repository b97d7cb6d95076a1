"""Signing in at the identity provider: the way there, and the way back.

An account of the provider is a user of the console only if an invitation made it one: by issuer and subject, which
are never somebody else's; names and addresses of mail are not compared. The first sign-in through an invitation
binds it.
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import Annotated, Final, TypeAlias
from uuid import uuid4

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from services.console.accounts import session_store, user_store
from services.console.accounts.account_log import browser_of, origin_of
from services.console.accounts.invitations import Invitations, InvitationState
from services.console.accounts.session_store import StoredSession
from services.console.accounts.sessions import COOKIE, SessionKind
from services.console.accounts.sign_in import SignIn, address_of, refuse_other_sites
from services.console.accounts.user_store import StoredUser
from services.console.accounts.users import Users, checked_name
from services.console.identity.attempts import ATTEMPT_SECONDS, SignInAttempt
from services.console.identity.id_tokens import Identity, TokenProblem
from services.console.identity.provider import CodeRefused, IdentityProvider, ProviderFailure
from services.console.instruments import SIGN_INS
from services.console.rendering import PageRenderer, redirect
from shared.audit import Actor, ActorKind, AddressClass, AuditAction
from shared.clock import Clock
from shared.db.transaction import WritePriority
from shared.db.unit_of_work import UnitOfWork
from shared.http.guess_throttle import GuessThrottle
from shared.http.problems import HTTPProblem
from shared.telemetry.logs import logger

IDENTITY: Final = "/console/identity"
BACK: Final = f"{IDENTITY}/callback"
BY_IDENTITY: Final = "identity"
"""What the button of a form says by which somebody joins with their account at the provider."""
_COOKIE: Final = "followup_identity"
_LONGEST: Final = 4_000
_LONGEST_STATE: Final = 200

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class _Refused:
    """Why somebody who proved who they are is not let in."""

    title: str
    words: str


_Entry: TypeAlias = StoredUser | _Refused


class IdentitySignIn:
    """Answers the way to the provider and back.

    Args:
        provider: at which people sign in.
        name: what the pages call it.
        users: of the console.
        sign_in: gives a browser its session.
        invitations: by which an account becomes a user.
        renderer: of the pages.
        clock: of the process.
        public_url: at which people reach the console; the provider knows the way back by it, exactly.
    """

    def __init__(
        self,
        provider: IdentityProvider,
        name: str,
        users: Users,
        sign_in: SignIn,
        invitations: Invitations,
        renderer: PageRenderer,
        clock: Clock,
        public_url: str,
    ) -> None:
        self._provider = provider
        self._name = name
        self._users = users
        self._sign_in = sign_in
        self._invitations = invitations
        self._renderer = renderer
        self._clock = clock
        self._back = f"{public_url}{BACK}"
        self._throttle = GuessThrottle(clock)

    async def begin(self, request: Request) -> Response:
        """Answer the redirect to the provider; the session that the browser had ends."""
        refuse_other_sites(request)
        attempt = SignInAttempt.new(self._clock.now())
        address = await self._provider.address(attempt, self._back)
        if isinstance(address, ProviderFailure):
            return self._unreachable(request, address)
        await self._sign_in.sessions.end(request.cookies.get(COOKIE))
        return self._kept(request, redirect(address), attempt)

    async def begin_joining(self, request: Request, invitation: str, name: str) -> Response:
        """Answer a page that leads to the provider: a form may not be sent on to another site, a page may lead there.

        Args:
            request: the form of an invitation.
            invitation: its code, which is good.
            name: a name that can be one and is free.
        """
        attempt = SignInAttempt.new(self._clock.now(), invitation, name)
        address = await self._provider.address(attempt, self._back)
        if isinstance(address, ProviderFailure):
            return self._unreachable(request, address)
        values = {"title": f"To {self._name}", "address": address}
        return self._kept(request, self._renderer.page(request, "onward", values), attempt)

    async def come_back(
        self,
        request: Request,
        state: Annotated[str, Query(max_length=_LONGEST_STATE)] = "",
        code: Annotated[str, Query(max_length=_LONGEST)] = "",
        iss: Annotated[str | None, Query(max_length=_LONGEST)] = None,
        error: Annotated[str, Query(max_length=_LONGEST)] = "",
    ) -> Response:
        """Sign in whoever comes back to the browser they began in, or say why not.

        A page answers, and no redirect: the session's cookie is not sent on a way that another site began.
        """
        attempt = SignInAttempt.parsed(request.cookies.get(self._cookie_of(request)), self._clock.now())
        if attempt is None or not attempt.is_answered_by(state):
            return self._refusal(request, _Refused("Begin once more", _OTHER_BROWSER), HTTPStatus.BAD_REQUEST)
        address = f"address {address_of(request)}"
        if wait := self._throttle.wait_seconds(address):
            answer = self._refusal(
                request, _Refused("Too many attempts", "Wait a minute."), HTTPStatus.TOO_MANY_REQUESTS
            )
            answer.headers["Retry-After"] = str(int(wait) + 1)
            return answer
        self._throttle.wrong(address)
        if error or not code:
            refused = _Refused(
                f"{self._name} did not sign you in", "Nothing has changed here. Try again, or another way."
            )
            return self._over(request, self._refusal(request, refused, HTTPStatus.UNAUTHORIZED))
        found = await self._provider.identity_of(code, attempt, self._back, iss)
        if not isinstance(found, Identity):
            return self._over(request, self._unproven(request, found))
        entry = await self._entered(attempt, found, origin_of(request))
        if isinstance(entry, _Refused):
            SIGN_INS.labels(outcome="refused").inc()
            return self._over(request, self._refusal(request, entry, HTTPStatus.FORBIDDEN))
        self._throttle.right(address)
        if (asked := await self._sign_in.second_step(request, entry)) is not None:
            return self._over(request, asked)
        SIGN_INS.labels(outcome="signed_in").inc()
        cookie = await self._sign_in.sessions.open_for(entry, origin_of(request), browser_of(request))
        page = self._renderer.page(request, "onward", {"title": "You are signed in", "address": "/console"})
        return self._over(request, self._sign_in.with_cookie(request, page, cookie))

    async def _entered(self, attempt: SignInAttempt, identity: Identity, origin: AddressClass) -> _Entry:
        """Return the user whom an account is, or has just become."""
        units = self._users.units
        if not attempt.invitation:
            return await units.run(partial(self._known, attempt, identity), WritePriority.INGEST)
        invited = await self._invitations.opened(attempt.invitation)
        if invited is None or invited.state is not InvitationState.OPEN:
            return _Refused("This invitation is no longer good", "Open its link again: the page says why.")
        now, merchant = self._clock.now(), invited.stored.merchant_id
        try:
            name = checked_name(attempt.name)  # again: the browser kept it, and may have changed it
            user = StoredUser(name, merchant, invited.role, "", uuid4(), now, now, identity.issuer, identity.subject)
            return await units.run(partial(self._joined, attempt, user, origin), WritePriority.INGEST)
        except HTTPProblem as problem:
            words = f"{problem.detail[:1].upper()}{problem.detail[1:]}. Open the link of the invitation again."
            return _Refused("You are not a user yet", words)

    async def _known(self, attempt: SignInAttempt, identity: Identity, uow: UnitOfWork) -> _Entry:
        user = await user_store.find_identity(uow.db, identity.issuer, identity.subject)
        if user is None:
            words = (
                f"No user of this console has this account at {self._name}. Ask an owner of the shop for an invitation."
            )
            return _Refused("You are not a user here", words)
        return user if await self._is_first(attempt, user, uow) else _Refused("Begin once more", _TWICE)

    async def _joined(self, attempt: SignInAttempt, user: StoredUser, origin: AddressClass, uow: UnitOfWork) -> _Entry:
        known = await user_store.find_identity(uow.db, user.issuer or "", user.subject or "")
        if known is not None:
            words = f"This account at {self._name} is the user {known.name} already, and can be no second one. Sign in."
            return _Refused("You are a user already", words)
        if not await self._is_first(attempt, user, uow):
            return _Refused("Begin once more", _TWICE)
        if await self._invitations.take(uow, attempt.invitation, user, origin) is not InvitationState.OPEN:
            return _Refused("This invitation is no longer good", "Open its link again: the page says why.")
        by = Actor(ActorKind.USER, user.name, origin)
        self._users.log.about_user(uow, by, user.merchant_id, AuditAction.IDENTITY_BOUND, user.name)
        return user

    async def _is_first(self, attempt: SignInAttempt, user: StoredUser, uow: UnitOfWork) -> bool:
        """Use an attempt up, and return whether it was good still: of several answers at once, one signs in."""
        ends_at = uow.now + timedelta(seconds=ATTEMPT_SECONDS)
        used = StoredSession(attempt.used_sha256, SessionKind.IDENTITY, user.merchant_id, ends_at)
        return await session_store.insert_new(uow.db, used)

    def _unproven(self, request: Request, why: TokenProblem | CodeRefused | ProviderFailure) -> Response:
        SIGN_INS.labels(outcome="refused").inc()
        match why:
            case ProviderFailure():
                return self._unreachable(request, why)
            case CodeRefused():
                return self._refusal(request, _Refused("Begin once more", _TWICE), HTTPStatus.UNAUTHORIZED)
            case TokenProblem():
                log.warning("console_identity_refused", address=address_of(request), problem=why.value)
                words = (
                    f"What {self._name} says of you could not be checked ({why.value.replace('_', ' ')}). Try again; "
                    "if it stays so, tell whoever runs this console."
                )
                return self._refusal(request, _Refused("You are not signed in", words), HTTPStatus.UNAUTHORIZED)

    def _unreachable(self, request: Request, failure: ProviderFailure) -> Response:
        log.warning("console_identity_provider_failed", why=failure.why)
        words = (
            f"{self._name} does not answer as it should. Try again in a minute; a password signs in meanwhile. "
            "If it stays so, tell whoever runs this console: the log says why."
        )
        return self._refusal(request, _Refused(f"{self._name} cannot be asked now", words), HTTPStatus.BAD_GATEWAY)

    def _refusal(self, request: Request, refused: _Refused, status: HTTPStatus) -> Response:
        values = {"title": refused.title, "words": refused.words}
        return self._renderer.page(request, "refused", values, status)

    def _cookie_of(self, request: Request) -> str:
        """Return the name of the attempt's cookie; by HTTPS one that no other host and no path can set."""
        return f"__Host-{_COOKIE}" if self._sign_in.is_secure(request) else _COOKIE

    def _kept(self, request: Request, answer: Response, attempt: SignInAttempt) -> Response:
        answer.set_cookie(
            self._cookie_of(request),
            attempt.encoded(),
            max_age=ATTEMPT_SECONDS,
            path="/",  # as `__Host-` demands
            secure=self._sign_in.is_secure(request),
            httponly=True,
            samesite="lax",  # it must come back with somebody whom another site sends
        )
        return answer

    def _over(self, request: Request, answer: Response) -> Response:
        """Return an answer after which the attempt is over."""
        answer.delete_cookie(self._cookie_of(request), path="/", secure=self._sign_in.is_secure(request), httponly=True)
        return answer

    def create_router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(include_in_schema=False)
        router.add_api_route(IDENTITY, self.begin)
        router.add_api_route(BACK, self.come_back)
        return router


_OTHER_BROWSER: Final = (
    "This answer belongs to a sign-in that was begun in another browser, more than ten minutes ago, or is over already."
)
_TWICE: Final = "This answer was used already, or is too old; it is good once."
