"""The current password, asked again before a sign-in is changed: whoever finds a browser open cannot guess it.

Who signs in at an identity provider has none; a code of their second step takes its place.
"""

from http import HTTPStatus

from services.console.accounts import user_store
from services.console.accounts.second_factors import SecondFactors
from services.console.accounts.users import Users
from shared.http.guess_throttle import GuessThrottle
from shared.http.problems import HTTPProblem, unprocessable


class CurrentPassword:
    """Checks it, and brakes guesses by account: after ten wrong ones, one a minute."""

    def __init__(self, users: Users, factors: SecondFactors) -> None:
        self._users = users
        self._factors = factors
        self._throttle = GuessThrottle(users.units.clock)

    async def require(self, name: str, password: str, field: str) -> None:
        """Check a user's password, or the code of one who has no password.

        Raises:
            HTTPProblem: 422 it is another, in the form's `field`; 429 too many wrong ones.
        """
        if wait := self._throttle.wait_seconds(name):
            words, after = "too many attempts; wait a minute", {"Retry-After": str(int(wait) + 1)}
            raise HTTPProblem(HTTPStatus.TOO_MANY_REQUESTS, "too_many_requests", words, headers=after)
        self._throttle.wrong(name)  # before it is known to be: many at the same time are as many guesses
        user = await self._users.units.read(lambda db: user_store.find(db, name))
        if user is not None and not user.password_hash:
            if not await self._factors.prove(user, password):
                raise unprocessable(field, "this is not the code of this moment, or it was used before")
        elif await self._users.who(name, password) is None:
            raise unprocessable(field, "this is not your password")
        self._throttle.right(name)
