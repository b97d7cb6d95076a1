"""A simulated provider signs STOP and START, so its token must not be computable."""

import hashlib

from shared.config.providers import Simulated, SimulatedAccount
from shared.privacy import Keyring, Sealer

SIMULATED = Simulated(kind="simulated")


def test_two_keyrings_give_one_shop_two_tokens() -> None:
    first, second = (SimulatedAccount.of(SIMULATED, "acme", "main", Sealer(Keyring.new()), {}) for _ in range(2))

    assert first.sid == second.sid
    assert first.token != second.token


def test_the_token_is_nothing_that_names_alone_give() -> None:
    account = SimulatedAccount.of(SIMULATED, "acme", "main", Sealer(Keyring.new()), {})

    names = {"acme", "main", "acme/main", account.sid, account.sid.removeprefix("AC")}
    known = names | {hashlib.sha256(name.encode()).hexdigest() for name in names}
    assert account.token not in {word[:length] for word in known for length in (16, 22, 32, 34, 64)}


def test_sender_and_simulator_of_one_application_agree() -> None:
    sealer = Sealer(Keyring.new())

    def account(merchant: str, name: str) -> SimulatedAccount:
        return SimulatedAccount.of(SIMULATED, merchant, name, sealer, {})

    assert account("acme", "main") == account("acme", "main")
    assert account("acme", "main") != account("acme", "spare")
    assert account("acme", "main").token != account("other", "main").token
