"""What every test stands on: the locked time zones."""

from shared.clock import prefer_tzdata_wheel

prefer_tzdata_wheel()
