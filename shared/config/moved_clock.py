"""A moved clock is for demos and tests, and is refused beside a real provider."""

from urllib.parse import urlsplit

from shared.clock import Clock, SystemClock
from shared.config.directory import MerchantDirectory
from shared.config.providers import Simulated
from shared.errors import ConfigurationFault

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def refuse_moved_clock(clock: Clock, directory: MerchantDirectory) -> None:
    """Refuse a clock file beside a real provider: with a moved clock real people would get texts at night.

    Raises:
        ConfigurationFault: naming the provider.
    """
    if not isinstance(clock, SystemClock) or clock.offset_file is None:
        return
    for merchant in directory.merchants:
        for name, provider in merchant.config.providers.items():
            host = urlsplit(str(provider.base_url)).hostname if provider.base_url else None
            if not isinstance(provider, Simulated) and host not in _LOOPBACK:
                raise ConfigurationFault(
                    f"FOLLOWUP_CLOCK_FILE moves the clock, but merchant {merchant.id} sends through the real provider "
                    f"{name}; unset FOLLOWUP_CLOCK_FILE, or point the provider's base_url at a test double"
                )
