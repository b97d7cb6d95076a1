"""Admits a provider's callbacks: only those that the provider itself signed."""

import hmac
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final

from fastapi import Request

from services.sender.instruments import MISDIRECTED, REJECTED
from services.sender.providers.accounts import ProviderAccounts, attempt_signature
from services.sender.providers.provider import Callback, Inbound, Provider
from shared import ids
from shared.config.directory import Merchant, MerchantDirectory
from shared.config.merchant import KeywordAnswers, Number
from shared.http.auth import unauthorized
from shared.http.body import body_of
from shared.http.forms import fields
from shared.http.problems import HTTPProblem
from shared.ids import AttemptId
from shared.privacy import Sealer

_MOST_FIELDS: Final = 200


@dataclass(frozen=True, slots=True)
class Admitted:
    """A callback that the provider itself made."""

    provider: Provider
    merchant: Merchant
    callback: Callback

    @property
    def numbers(self) -> dict[str, Number]:
        """The numbers that the merchant's file gives this provider."""
        return {each.number: each for each in self.merchant.config.numbers if each.provider == self.provider.name}

    def is_ours(self, *, is_reply: bool) -> bool:
        """Return whether the request is about a number that this provider of this merchant has."""
        return self.provider.is_ours(self.callback, self.numbers.keys(), is_reply=is_reply)

    def inbound(self) -> Inbound | None:
        """Return the reply as written to a number of the merchant; one to an RCS sender counts for the first number."""
        numbers = self.numbers
        inbound = self.provider.inbound(self.callback, provider_answers=False)
        if inbound is None or not numbers:
            return inbound
        number = numbers.get(inbound.sender_number) or next(iter(numbers.values()))
        answers = number.answers_keywords is KeywordAnswers.PROVIDER
        reread = self.provider.inbound(self.callback, provider_answers=answers)
        return replace(reread, sender_number=number.number) if reread else None


class Admission:
    """Checks callbacks; every refusal gets the same answer, which does not say what was wrong."""

    def __init__(self, merchants: MerchantDirectory, providers: ProviderAccounts, sealer: Sealer) -> None:
        self._merchants = merchants
        self._providers = providers
        self._sealer = sealer

    async def admit(self, provider: str, merchant: str, request: Request, *, endpoint: str) -> Admitted:
        """Return the callback with its provider and merchant.

        Raises:
            HTTPProblem: 401 for an unknown merchant or provider, and for a missing or wrong signature.
        """
        account, owner = self._providers.provider(merchant, provider), self._merchants.get(merchant)
        body = await body_of(request)
        callback = _callback(request, body)
        if account is None or owner is None or callback is None or not account.is_genuine(callback):
            raise rejected(endpoint)
        may_hold_nul = b"%00" in body or b"\0" in body
        return Admitted(account, owner, _without_nul(callback) if may_hold_nul else callback)

    def attempt(self, admitted: Admitted, request: Request) -> AttemptId:
        """Return the attempt a callback is about, once our own signature over it is checked.

        Raises:
            HTTPProblem: 401 for an address that this service did not make.
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
        return AttemptId(ids.of_bytes(bytes.fromhex(attempt.replace("-", ""))))  # its signature proves who wrote it


def rejected(endpoint: str) -> HTTPProblem:
    """Return the one answer to callbacks that are not genuine, counted."""
    REJECTED.labels(endpoint).inc()
    return unauthorized()


def misdirected(endpoint: str, detail: str) -> HTTPProblem:
    """Return the answer to a genuine callback about a number or text that is not ours, counted."""
    MISDIRECTED.labels(endpoint).inc()
    return HTTPProblem(HTTPStatus.UNPROCESSABLE_ENTITY, "not_ours", detail)


def _callback(request: Request, body: bytes) -> Callback | None:
    """Return the request as the provider signed it: its own path, query and fields, never the Host header.

    Of its headers, those that sign it; ASGI delivers the names in lower case.
    """
    scope = request.scope
    path: bytes = scope.get("raw_path") or request.url.path.encode()
    query: bytes = scope["query_string"]
    target = path.split(b"?")[0] + (b"?" + query if query else b"")
    signatures = {
        name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"] if b"signature" in name
    }
    try:
        return Callback(target.decode("ascii"), fields(body.decode(), most=_MOST_FIELDS), signatures)
    except ValueError:
        return None


def _without_nul(callback: Callback) -> Callback:
    """Return a callback without NUL characters, which databases refuse: a STOP that holds one is still a STOP."""
    form = {name.replace("\0", ""): value.replace("\0", "") for name, value in callback.form.items()}
    return replace(callback, form=form)
