"""The demo's shop is one that `followup lint` has nothing to say about, and each flow says what it is for."""

from pathlib import Path

import pytest

from services.demo.actions import Secrets
from services.demo.environment import write_shop
from shared.config.lint import lint

FLOWS = (
    "abandoned-cart",
    "delivery-check",
    "order-thank-you",
    "refund-notice",
    "shipping-update",
    "welcome",
    "win-back",
)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    write_shop(tmp_path, "http://127.0.0.1:8080", Secrets("a", "b", "fu_c"))
    return tmp_path


def test_lint_has_nothing_to_say(shop: Path) -> None:
    assert lint(shop) == []
    assert sorted(file.stem for file in (shop / "acme" / "flows").iterdir()) == list(FLOWS)
