"""A whole application on a clock that jumps: what is due happens, nothing is waited for."""
