"""Limits that bound nothing, for tests and benchmarks that text many made-up neighbours for other reasons."""

BOUNDLESS = (
    "limits: {new_people_per_hour: 1000000, new_people_per_key_per_hour: 1000000, "
    "new_people_per_prefix_per_hour: 60000, adjacent_numbers: 101}"
)
"""A line of a merchant file's policies."""
