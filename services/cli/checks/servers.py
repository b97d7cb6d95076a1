"""Checks of PostgreSQL, Kafka, the identity provider and the providers: whether they answer, and the clocks agree."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable
from datetime import timedelta

from services import distributed
from services.cli.checks import CheckResult
from services.console.identity.attempts import SignInAttempt
from services.console.identity.provider import IdentityProvider, ProviderFailure
from services.console.identity.settings import IdentitySettings
from services.distributed import DatabaseSettings
from services.sender.providers.accounts import ProviderAccounts
from services.sender.store import database_time
from shared.bus.kafka_access import KafkaSettings
from shared.bus.kafka_topics import copies_found, describe_copies, topics_found
from shared.clock import SystemClock
from shared.config.directory import MerchantDirectory
from shared.config.providers import Simulated
from shared.errors import ConfigurationFault, Fault
from shared.phone import E164
from shared.privacy import Keyring, Sealer
from shared.settings import ProcessSettings
from shared.vocabulary.service_names import SERVICES

MOST_SKEW = timedelta(seconds=30)
"""Between a process and its database; with more, nothing is dispatched (send-protocol section 6)."""
_ANSWER_SECONDS = 15
_FICTITIOUS = E164("+12025550199")
"""In the range reserved for fiction: listing the texts to it only shows whether the login works."""


async def findings(settings: ProcessSettings) -> AsyncIterator[CheckResult]:
    """Check every server that the settings name."""
    for service in SERVICES:
        if os.environ.get(f"FOLLOWUP_{service.upper()}_DATABASE_URL"):
            yield await _within(f"PostgreSQL of {service}", _database(service))
    if KafkaSettings().bootstrap:
        yield await _within("Kafka", _kafka())
        yield await _copies()
    if (identity := IdentitySettings()).issuer:
        yield await _within("identity provider", _identity_provider(identity))
    async for finding in _providers(settings):
        yield finding


async def _within(subject: str, message: Awaitable[str]) -> CheckResult:
    """Wait for one server's answer, for 15 s at most."""
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            return CheckResult.fine(subject, await message)
    except Fault as fault:
        return CheckResult.wrong(subject, fault.detail)
    except TimeoutError:
        return CheckResult.wrong(subject, f"no answer within {_ANSWER_SECONDS} s")


async def _identity_provider(settings: IdentitySettings) -> str:
    """Return a sentence about the provider at which people sign in to the console.

    Raises:
        ConfigurationFault: it does not answer, or is another than the settings say.
    """
    clock = SystemClock()
    found = await IdentityProvider.of(settings, clock).address(SignInAttempt.new(clock.now()), "")
    if isinstance(found, ProviderFailure):
        raise ConfigurationFault(found.why)
    return f"{settings.shown_name} answers; whether it knows the console's id and secret shows at the first sign-in"


async def _database(service: str) -> str:
    """Return a sentence about a service's schema and clock.

    Raises:
        ConfigurationFault: the login is refused, the schema is old, or the clocks differ.
        DatabaseUnavailable: it cannot be reached.
    """
    database = DatabaseSettings.of(service).database(service)

    await database.start()
    try:
        await database.require([distributed.schema_of(service)])
        begun = time.monotonic()
        theirs = await database.read(database_time)
        took = timedelta(seconds=time.monotonic() - begun)
    finally:
        await database.stop()
    skew = abs(SystemClock().now() - theirs) - took
    if skew > MOST_SKEW:
        raise ConfigurationFault(
            f"its clock is {skew.total_seconds():.0f} s away from this machine's; above "
            f"{MOST_SKEW.total_seconds():.0f} s nothing is sent; synchronise both with NTP"
        )
    return f"tables are at the newest schema, clocks agree within {max(skew, timedelta()).total_seconds():.1f} s"


async def _kafka() -> str:
    """Return a sentence about the topics.

    Raises:
        ConfigurationFault: a topic is missing or has another number of partitions.
        LogUnavailable: no broker can be reached.
    """
    cluster = distributed.cluster_of(KafkaSettings())
    found = await topics_found(cluster)
    if missing := sorted(name for name, partitions in found.items() if partitions == 0):
        raise ConfigurationFault(f"no topic {', '.join(missing)}; run `followup migrate`")
    return f"{len(found)} topics of {cluster.partitions} partitions, {cluster.replication} copies configured"


async def _copies() -> CheckResult:
    """Report how many copies Kafka keeps: with one, a power cut may lose acknowledged events."""
    cluster = distributed.cluster_of(KafkaSettings())
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            is_fine, message = describe_copies(cluster, await copies_found(cluster))
    except (Fault, TimeoutError):
        return CheckResult.wrong("copies in Kafka", "unknown: Kafka did not answer")
    return CheckResult("copies in Kafka", is_fine, message)


async def _providers(settings: ProcessSettings) -> AsyncIterator[CheckResult]:
    """Request a listing from every real provider, which needs the login and sends nothing."""
    try:
        directory = MerchantDirectory.load(settings.merchants_dir, os.environ)
    except ConfigurationFault:
        return  # reported by the check of the files
    sealer = Sealer(Keyring.new())  # only simulated providers derive a token from the keyring, and none is called
    accounts = ProviderAccounts(
        directory, os.environ, sealer, process_url=settings.address, simulator_url=settings.address
    )
    try:
        for merchant in directory.merchants:
            for name, provider in merchant.config.providers.items():
                numbers = [number.number for number in merchant.config.numbers if number.provider == name]
                if isinstance(provider, Simulated) or not numbers:
                    continue
                yield await _login(accounts, merchant.id, name, numbers[0])
    finally:
        await accounts.close()


async def _login(accounts: ProviderAccounts, merchant: str, name: str, number: str) -> CheckResult:
    subject = f"provider {name} of {merchant}"
    adapter = accounts.provider(merchant, name)
    if adapter is None:
        return CheckResult.wrong(
            subject, "it cannot be used: this release has no adapter for it, or a secret is not set"
        )
    listed = await adapter.find(_FICTITIOUS, number)
    if listed is None:
        return CheckResult.wrong(subject, "it did not answer, or refused the login; check its account id and token")
    return CheckResult.fine(subject, "it accepts the login")
