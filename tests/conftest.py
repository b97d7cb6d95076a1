"""What every test stands on: the locked time zones, and real parts for those that ask."""

from shared.clock import prefer_tzdata_wheel
from tests.parts import kafka, postgresql

__all__ = ["kafka", "postgresql"]

prefer_tzdata_wheel()
