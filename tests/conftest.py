"""What every test stands on: the locked time zones, no measuring of the machine, and real parts for those that ask."""

import gc

import hypothesis
import pytest

from shared.clock import prefer_tzdata_wheel
from shared.testing import warm
from tests.parts import absent, browser, kafka, postgresql

__all__ = [
    "browser",
    "kafka",
    "postgresql",
    "pytest_collection_finish",
    "pytest_collection_modifyitems",
    "pytest_report_header",
]

_YOUNG_OBJECTS = 10_000
"""New objects between two looks of the garbage collector, which takes a sixth of all tests' time with the usual 700."""

prefer_tzdata_wheel()
warm.allow()
gc.disable()  # until every test is collected: a thousand modules are imported, and none of it is garbage

# How fast an example is says something about the machine, never about the code: a busy one must not fail a test.
hypothesis.settings.register_profile(
    "any-machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], print_blob=True
)
hypothesis.settings.load_profile("any-machine")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files that would come last: at a run's end no worker waits for one of them.

    And with one that makes the shop of thirty days: by the time others ask for it, it is made.
    """
    items.sort(key=lambda item: not item.nodeid.startswith(("tests/power/", "tests/connected/test_shop_with_history")))


def pytest_collection_finish() -> None:
    """Exclude modules and collected tests from garbage collection; it runs from now on, over what tests make."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, 10, 10)
    gc.enable()


def pytest_report_header() -> list[str]:
    """Say at the top what this machine cannot run, and how to get it."""
    lines = [f"will be skipped: {tests} ({how})" for tests, how in absent().items()]
    return lines or ["every real part is here: nothing will be skipped for want of one"]
