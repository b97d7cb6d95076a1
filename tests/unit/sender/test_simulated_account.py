"""A simulated provider signs STOP and START: what it signs with is nobody's to work out."""

import hashlib

from services.sender.providers.simulated import account_of
from shared.config.providers import Simulated
from shared.privacy import Keyring, Sealer

SIMULATED = Simulated(kind="simulated")


def test_two_keyrings_give_one_shop_two_tokens() -> None:
    first, second = (account_of(Sealer(Keyring.new()), "acme", "main", SIMULATED, {}) for _ in range(2))

    assert first.sid == second.sid
    assert first.token != second.token


def test_the_token_is_nothing_that_names_alone_give() -> None:
    account = account_of(Sealer(Keyring.new()), "acme", "main", SIMULATED, {})

    names = {"acme", "main", "acme/main", account.sid, account.sid.removeprefix("AC")}
    known = names | {hashlib.sha256(name.encode()).hexdigest() for name in names}
    assert account.token not in {word[:length] for word in known for length in (16, 22, 32, 34, 64)}


def test_sender_and_simulator_of_one_house_agree() -> None:
    sealer = Sealer(Keyring.new())

    assert account_of(sealer, "acme", "main", SIMULATED, {}) == account_of(sealer, "acme", "main", SIMULATED, {})
    assert account_of(sealer, "acme", "main", SIMULATED, {}) != account_of(sealer, "acme", "spare", SIMULATED, {})
    assert (
        account_of(sealer, "acme", "main", SIMULATED, {}).token
        != account_of(sealer, "other", "main", SIMULATED, {}).token
    )
