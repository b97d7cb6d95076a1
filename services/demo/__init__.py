"""The demo: a signed order goes through all services, and the terminal prints each step as it happens."""
