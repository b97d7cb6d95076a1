"""What a merchant's files say of one source: its secrets, resolved once a reload, and its shop."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.ingest.domain.parsed_deliveries import Shop
from shared.config.directory import Merchant, MerchantDirectory
from shared.config.merchant import SourceSettings
from shared.config.quotas import MerchantQuotas
from shared.events.consent import ConsentLevel
from shared.ids import MerchantId

DECOY_SECRETS = ("no delivery is signed with this",)
"""What a delivery to nobody is checked against, so that it takes as long as one to somebody."""


@dataclass(frozen=True, slots=True)
class SourceAccount:
    """A merchant's account with a source."""

    merchant_id: MerchantId
    secrets: tuple[str, ...]
    shop: Shop
    quotas: MerchantQuotas


class SourceAccounts:
    """Finds accounts; resolves a secret again only after the merchant's files changed."""

    def __init__(self, merchants: MerchantDirectory, environ: Mapping[str, str]) -> None:
        self._merchants = merchants
        self._environ = environ
        self._resolved: dict[tuple[str, str], tuple[SourceSettings, SourceAccount]] = {}

    def of(self, merchant_id: str, source: str) -> SourceAccount | None:
        """Return the account, or None where there is no such merchant or it has no such source.

        Raises:
            ConfigurationFault: a secret cannot be had any more.
        """
        merchant = self._merchants.get(merchant_id)
        configured = merchant.config.sources.get(source) if merchant else None
        if merchant is None or configured is None:
            return None
        known = self._resolved.get((merchant_id, source))
        if known is None or known[0] is not configured:
            secrets = tuple(secret.resolve(self._environ) for secret in configured.secrets)
            known = (
                configured,
                SourceAccount(merchant.id, secrets, shop_of(merchant, configured), merchant.config.quotas),
            )
            self._resolved[merchant_id, source] = known
        return known[1]


def shop_of(merchant: Merchant, source: SourceSettings | None = None) -> Shop:
    """Return what bears on reading this merchant's deliveries."""
    if source is None:
        return Shop(country=merchant.config.country)
    return Shop(
        country=merchant.config.country,
        domain=source.shop,
        consent_level=ConsentLevel(source.consent_level.value),
        disclosure=source.disclosure,
        disclosure_since=source.disclosure_since,
    )
