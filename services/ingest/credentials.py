"""A merchant's account with a source: its secrets, resolved once for each reload of the files, and its settings."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.ingest.domain.parsed_deliveries import ShopSettings
from shared.config.directory import Merchant, MerchantDirectory
from shared.config.merchant import MerchantQuotas, SourceSettings
from shared.events.consent import ConsentLevel
from shared.ids import MerchantId

DECOY_SECRETS = ("no delivery is signed with this",)
"""Checked for an unknown merchant or source, so that the answer takes as long as for a known one."""


@dataclass(frozen=True, slots=True)
class SourceAccount:
    """A merchant's account with a source."""

    merchant_id: MerchantId
    secrets: tuple[str, ...]
    shop: ShopSettings
    quotas: MerchantQuotas


class SourceAccounts:
    """Finds accounts; resolves a secret again only after the merchant's files have changed."""

    def __init__(self, merchants: MerchantDirectory, environ: Mapping[str, str]) -> None:
        self._merchants = merchants
        self._environ = environ
        self._resolved: dict[tuple[str, str], tuple[SourceSettings, SourceAccount]] = {}

    def of(self, merchant_id: str, source: str) -> SourceAccount | None:
        """Return the account; None if the merchant is unknown or does not have the source.

        Raises:
            ConfigurationFault: a secret is no longer available.
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


def shop_of(merchant: Merchant, source: SourceSettings | None = None) -> ShopSettings:
    """Return the settings with which this merchant's deliveries are parsed."""
    if source is None:
        return ShopSettings(country=merchant.config.country)
    return ShopSettings(
        country=merchant.config.country,
        domain=source.shop,
        consent_level=ConsentLevel(source.consent_level.value),
        disclosure=source.disclosure,
        disclosure_since=source.disclosure_since,
    )
