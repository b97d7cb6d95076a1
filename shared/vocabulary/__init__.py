"""Words that more than one service decides by, each defined once: states, purposes, profiles, service names."""
