"""Who may use a provider's doors: only the provider itself, known by its signature."""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final
from uuid import UUID

from fastapi import Request

from services.sender.instruments import REJECTED
from services.sender.providers.book import ProviderBook, attempt_signature
from services.sender.providers.port import Callback, Provider
from shared.config.directory import Merchant, MerchantDirectory
from shared.config.merchant import KeywordAnswers
from shared.http.auth import unauthorized
from shared.http.forms import fields
from shared.http.problems import HTTPProblem
from shared.ids import AttemptId
from shared.privacy import Sealer

_MOST_FIELDS: Final = 200


@dataclass(frozen=True, slots=True)
class Admitted:
    """A request that the provider itself made."""

    provider: Provider
    merchant: Merchant
    callback: Callback

    @property
    def provider_answers(self) -> bool:
        """Whether the number that was written to is set so that the provider answers keywords."""
        return any(
            number.number == self.callback.form.get("To") and number.answers_keywords is KeywordAnswers.PROVIDER
            for number in self.merchant.config.numbers
        )


class Admission:
    """Lets providers in; strangers get one answer, which never says what was wrong."""

    def __init__(self, merchants: MerchantDirectory, book: ProviderBook, sealer: Sealer) -> None:
        self._merchants = merchants
        self._book = book
        self._sealer = sealer

    async def admit(self, provider: str, merchant: str, request: Request, *, door: str) -> Admitted:
        """Return who calls.

        Raises:
            HTTPProblem: 401 for an unknown merchant or provider, and for a missing or wrong signature.
        """
        account, owner = self._book.provider(merchant, provider), self._merchants.get(merchant)
        callback = await _callback(request)
        if account is None or owner is None or callback is None or not account.is_genuine(callback):
            raise rejected(door)
        return Admitted(account, owner, _keepable(callback))

    def attempt(self, admitted: Admitted, request: Request) -> AttemptId:
        """Return the attempt a callback is about, once our own signature over it is checked.

        Raises:
            HTTPProblem: 401 for an address we did not make.
        """
        query: bytes = request.scope["query_string"]
        try:
            named = fields(query.decode("latin-1"), most=_MOST_FIELDS)
            attempt, signature = named["attempt"], named["sig"]
        except (ValueError, KeyError):
            raise rejected("receipts") from None
        expected = attempt_signature(self._sealer, admitted.merchant.id, attempt)
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            raise rejected("receipts")
        return AttemptId(UUID(attempt))


def rejected(door: str) -> HTTPProblem:
    """Return the one answer to strangers, counted."""
    REJECTED.labels(door).inc()
    return unauthorized()


async def _callback(request: Request) -> Callback | None:
    """Return the request as the provider signed it: its own path, query and fields, never the Host header."""
    path: bytes = request.scope.get("raw_path") or request.url.path.encode()
    query: bytes = request.scope["query_string"]
    target = path.split(b"?")[0] + (b"?" + query if query else b"")
    try:
        form = fields((await request.body()).decode(), most=_MOST_FIELDS)
        return Callback(target.decode("ascii"), form, _headers(request.scope["headers"]))
    except ValueError:
        return None


def _keepable(callback: Callback) -> Callback:
    """Return a callback without NUL characters: a STOP that holds one is a STOP, and no database text may hold it."""
    if "\0" not in "".join(chain.from_iterable(callback.form.items())):
        return callback
    form = {name.replace("\0", ""): value.replace("\0", "") for name, value in callback.form.items()}
    return replace(callback, form=form)


def _headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return headers by name; ASGI hands the names over in lower case."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in raw}
