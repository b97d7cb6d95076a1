"""Who a simulated provider is: the account that the sender uses and the simulator takes, one definition for both."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from shared.config.providers import Simulated
from shared.privacy import Sealer


@dataclass(frozen=True, slots=True)
class SimulatedAccount:
    """A login; its token signs what the provider brings, STOP and START among it."""

    sid: str
    token: str


def account_of(
    sealer: Sealer, merchant_id: str, name: str, settings: Simulated, environ: Mapping[str, str]
) -> SimulatedAccount:
    """Return the account of a simulated provider.

    Its token is the file's secret, or comes from the keyring: nobody who knows names alone can work it out.
    """
    sid = "AC" + hashlib.sha256(f"{merchant_id}/{name}".encode()).hexdigest()[:32]
    if settings.secret is not None:
        return SimulatedAccount(sid, settings.secret.resolve(environ))
    return SimulatedAccount(sid, sealer.signature("simulated provider", merchant_id, name))
