"""Benchmarks: measurements with ratios to a baseline of the same run, `python -m bench`; never tests."""
