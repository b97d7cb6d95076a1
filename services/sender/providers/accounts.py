"""The provider accounts of all merchants, built from their files as they are now."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from services.sender.providers.provider import CALL_TIMEOUT_SECONDS, Provider
from services.sender.providers.twilio import TwilioProvider
from services.sender.sending.intent_decision import Refuse
from shared.config import providers as config
from shared.config.directory import Merchant, MerchantDirectory
from shared.config.merchant import Number, NumberKind, Registration
from shared.errors import ConfigurationFault
from shared.events.dispatch import ErrorClass
from shared.phone import E164
from shared.privacy import Sealer
from shared.telemetry.logs import logger

_REGISTERED: Final = frozenset({Registration.REGISTERED, Registration.NOT_NEEDED})
_NEEDS_REGISTRATION: Final = frozenset({NumberKind.LONG_CODE, NumberKind.TOLL_FREE})

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Route:
    """A number, its merchant, and the account it sends through."""

    merchant: Merchant
    number: Number
    provider: Provider
    settings: config.ProviderBase

    def callback_url(self, attempt_id: object, sealer: Sealer, process_url: str) -> str:
        """Return the signed address at which the provider reports on one attempt."""
        base = (self.settings.public_url or process_url).rstrip("/")
        merchant = self.merchant.id
        signature = attempt_signature(sealer, merchant, attempt_id)
        return f"{base}/v1/providers/{self.provider.name}/{merchant}/receipts?attempt={attempt_id}&sig={signature}"

    def obstacle(self, to: E164, allowlist: frozenset[str]) -> Refuse | None:
        """Return why this number must not send to that one: registration, or the operator's allow-list."""
        is_north_american = self.number.number.startswith("+1") and to.startswith("+1")
        if (
            is_north_american
            and self.number.kind in _NEEDS_REGISTRATION
            and self.number.registration not in _REGISTERED
            and self.provider.kind != "simulated"
        ):
            return Refuse("sender_unregistered", ErrorClass.SENDER_UNREGISTERED)
        if self.settings.allowlist_only and to not in allowlist:
            return Refuse("not_on_allowlist", ErrorClass.CONFIG)
        return None


@dataclass(frozen=True, slots=True)
class _Built:
    """An account in use, and the settings it was built from."""

    merchant: Merchant
    account: Mapping[str, Any] | None
    provider: Provider | None


class ProviderAccounts:
    """Finds providers by number or by name; an account is built on first use and again when its settings change."""

    def __init__(
        self,
        merchants: MerchantDirectory,
        environ: Mapping[str, str],
        sealer: Sealer,
        *,
        process_url: str,
        simulator_url: str,
    ) -> None:
        self._merchants = merchants
        self._environ = environ
        self._sealer = sealer
        self._process_url = process_url
        self._simulator_url = simulator_url or process_url
        self._built: dict[tuple[str, str], _Built] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def route(self, sender_number: str) -> Route | None:
        """Return how a number sends now; None where no file has it, or its provider cannot be used."""
        found = self._merchants.by_number(sender_number)
        if found is None:
            return None
        merchant, number = found
        settings = merchant.config.providers.get(number.provider)
        provider = self.provider(merchant.id, number.provider)
        return Route(merchant, number, provider, settings) if settings and provider else None

    def provider(self, merchant_id: str, name: str) -> Provider | None:
        """Return a merchant's account by its name in the merchant's file; None where there is none that can be used."""
        merchant = self._merchants.get(merchant_id)
        settings = merchant.config.providers.get(name) if merchant else None
        if merchant is None or settings is None:
            return None
        known = self._built.get((merchant_id, name))
        if known is not None and known.merchant is merchant:
            return known.provider
        account = self._account(merchant, name, settings)
        if known is not None and known.account == account:
            self._built[(merchant_id, name)] = _Built(merchant, account, known.provider)
            return known.provider
        if known is not None and known.provider is not None:
            self._close_later(known.provider)
        provider = TwilioProvider(name, settings.kind, **account) if account is not None else None
        self._built[(merchant_id, name)] = _Built(merchant, account, provider)
        return provider

    async def warm_up(self) -> None:
        """Load the libraries that the accounts need, in a thread, so that the first text does not wait for them."""
        for merchant in self._merchants.merchants:
            for name in merchant.config.providers:
                if (provider := self.provider(merchant.id, name)) is not None:
                    await provider.warm_up()

    async def close(self) -> None:
        """Close every account."""
        for task in self._closing:
            task.cancel()
        await asyncio.gather(*self._closing, return_exceptions=True)
        for built in self._built.values():
            if built.provider is not None:
                await built.provider.close()
        self._built.clear()

    def _account(self, merchant: Merchant, name: str, settings: config.ProviderBase) -> dict[str, Any] | None:
        """Return an adapter's settings with secrets resolved; None, logged once, where the account cannot be used."""
        public_url = settings.public_url or self._process_url
        try:
            match settings:
                case config.Twilio():
                    return {
                        "account_sid": settings.account_sid,
                        "auth_token": settings.auth_token.resolve(self._environ),
                        "base_url": settings.base_url,
                        "public_url": public_url,
                        "messaging_service_sid": settings.messaging_service_sid,
                    }
                case config.Simulated():
                    account = config.SimulatedAccount.of(settings, merchant.id, name, self._sealer, self._environ)
                    return {
                        "account_sid": account.sid,
                        "auth_token": account.token,
                        "base_url": settings.base_url or self._simulator_url,
                        "public_url": public_url,
                    }
                case _:
                    problem = "this release has no adapter for it"
        except ConfigurationFault as fault:
            problem = fault.detail
        log.error("provider_unusable", merchant_id=merchant.id, provider=name, problem=problem)
        return None

    def _close_later(self, provider: Provider) -> None:
        """Close an account whose settings changed, once the calls under way on it have ended."""

        async def close() -> None:
            try:
                await asyncio.sleep(2 * CALL_TIMEOUT_SECONDS)
            finally:
                await provider.close()

        task = asyncio.get_running_loop().create_task(close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def attempt_signature(sealer: Sealer, merchant_id: str, attempt_id: object) -> str:
    """Return the signature in an attempt's callback address."""
    return sealer.signature("attempt", merchant_id, attempt_id)
