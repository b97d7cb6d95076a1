"""What every test stands on: the locked time zones, and real parts for those that ask."""

from shared.clock import prefer_tzdata_wheel
from tests.parts import browser, kafka, postgresql

__all__ = ["browser", "kafka", "postgresql"]

prefer_tzdata_wheel()
