"""What every test stands on: the locked time zones, no measuring of the machine, and real parts for those that ask."""

import hypothesis

from shared.clock import prefer_tzdata_wheel
from tests.parts import absent, browser, kafka, postgresql

__all__ = ["browser", "kafka", "postgresql", "pytest_report_header"]

prefer_tzdata_wheel()

# How fast an example is says something about the machine, never about the code: a busy one must not fail a test.
hypothesis.settings.register_profile(
    "any-machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], print_blob=True
)
hypothesis.settings.load_profile("any-machine")


def pytest_report_header() -> list[str]:
    """Say at the top what this machine cannot run, and how to get it."""
    lines = [f"will be skipped: {tests} ({how})" for tests, how in absent().items()]
    return lines or ["every real part is here: nothing will be skipped for want of one"]
