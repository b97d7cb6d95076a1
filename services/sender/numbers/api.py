"""`GET /v1/numbers` and `/v1/providers`: whether a merchant's numbers and accounts send, and what goes wrong."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from services.sender.numbers import answer_times, error_store, store
from services.sender.numbers.answer_times import AnswerTimes
from services.sender.numbers.breaker import Breaker, BreakerState
from services.sender.providers.accounts import ProviderAccounts
from shared.config.directory import Merchant
from shared.db.transaction import Transaction
from shared.db.unit_of_work import UnitOfWorkRunner
from shared.http.auth import Caller, requires

_DAY: Final = timedelta(hours=24)
_ERRORS = (
    "Calls of the last 24 hours, to the hour, that ended with an error, by class: `unanswered`, `not_sent`, or the "
    "class of the provider's code (`filtered`, `throttled`, `config`, …)."
)

Reader = Annotated[Caller, Depends(requires("operations:read"))]


class NumberView(BaseModel):
    """A sender number of the merchant's file."""

    number: str
    provider: str
    kind: str
    registration: str = Field(description="As the merchant's file says: `registered`, `pending`, `unregistered`, …")
    parts_per_second: float
    queued: int = Field(
        description=f"Texts that wait for this number; {error_store.MOST_COUNTED} stands for that many or more."
    )
    state: BreakerState = Field(
        description="`closed`: it sends; `open`: paused after unanswered calls or a cap; `halted`: a fault of the "
        "account, the number or its registration."
    )
    reason: str | None = Field(description="What opened or halted it: the provider's code, or what was seen.")
    tries_again_at: datetime | None
    errors_24h: dict[str, int] = Field(description=_ERRORS)


class NumberList(BaseModel):
    """The numbers in the order of the merchant's file."""

    numbers: list[NumberView]


class AnswerTimesView(BaseModel):
    """How long a provider took to answer, of the newest calls."""

    calls: int
    median_seconds: float
    p95_seconds: float


class ProviderView(BaseModel):
    """A provider account of the merchant's file."""

    provider: str
    kind: str
    is_usable: bool = Field(description="Its settings and secrets can be used; else the log names what is wrong.")
    numbers: list[str]
    held_numbers: int = Field(description="How many of them may not call now.")
    errors_24h: dict[str, int] = Field(description=_ERRORS)
    answers_in: AnswerTimesView | None = Field(description="Null where no call of the last 24 hours is near.")


class ProviderList(BaseModel):
    """The accounts in the order of the merchant's file."""

    providers: list[ProviderView]


def create_router(units: UnitOfWorkRunner, accounts: ProviderAccounts) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["deliverability"])

    @router.get("/v1/numbers", summary="Show whether a merchant's numbers send, what waits, and what goes wrong")
    async def numbers(caller: Reader) -> NumberList:
        now = units.clock.now()
        return NumberList(numbers=await units.read(lambda db: _numbers(db, caller.merchant, now)))

    @router.get("/v1/providers", summary="Show whether a merchant's provider accounts can be used, and what goes wrong")
    async def providers(caller: Reader) -> ProviderList:
        merchant, now = caller.merchant, units.clock.now()

        async def work(db: Transaction) -> ProviderList:
            counted, breakers = await _health(db, merchant, now)
            times = await answer_times.load(db, merchant.id, now)
            usable = {name: accounts.provider(merchant.id, name) is not None for name in merchant.config.providers}
            return ProviderList(
                providers=[
                    _provider(merchant, name, counted, breakers, times.get(name), is_usable=is_usable)
                    for name, is_usable in usable.items()
                ]
            )

        return await units.read(work)

    return router


async def _health(
    db: Transaction, merchant: Merchant, now: datetime
) -> tuple[Counter[tuple[str, str, str]], dict[str, Breaker]]:
    """Return the errors of a merchant's last day, and the breaker of each of its numbers."""
    counted = await error_store.counted(db, merchant.id, now - _DAY)
    breakers = {each.number: await store.breaker_of(db, each.number) for each in merchant.config.numbers}
    return counted, breakers


async def _numbers(db: Transaction, merchant: Merchant, now: datetime) -> list[NumberView]:
    counted, breakers = await _health(db, merchant, now)
    return [
        NumberView(
            number=each.number,
            provider=each.provider,
            kind=each.kind,
            registration=each.registration,
            parts_per_second=each.parts_per_second,
            queued=await error_store.queue_length(db, each.number),
            state=breakers[each.number].state,
            reason=breakers[each.number].reason,
            tries_again_at=breakers[each.number].opens_at,
            errors_24h=_by_class(counted, number=each.number),
        )
        for each in merchant.config.numbers
    ]


def _provider(
    merchant: Merchant,
    name: str,
    counted: Counter[tuple[str, str, str]],
    breakers: dict[str, Breaker],
    times: AnswerTimes | None,
    *,
    is_usable: bool,
) -> ProviderView:
    numbers = [each.number for each in merchant.config.numbers if each.provider == name]
    return ProviderView(
        provider=name,
        kind=merchant.config.providers[name].kind,
        is_usable=is_usable,
        numbers=numbers,
        held_numbers=sum(breakers[number].state is not BreakerState.CLOSED for number in numbers),
        errors_24h=_by_class(counted, provider=name),
        answers_in=None if times is None else AnswerTimesView(**times._asdict()),
    )


def _by_class(
    counted: Counter[tuple[str, str, str]], *, number: str | None = None, provider: str | None = None
) -> dict[str, int]:
    """Return the errors of a number or of a provider by class, the most frequent first."""
    found: Counter[str] = Counter()
    for (of_number, of_provider, error), attempts in counted.items():
        if number in {None, of_number} and provider in {None, of_provider}:
            found[error] += attempts
    return dict(found.most_common())
