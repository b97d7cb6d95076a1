"""Notifications on their way: each to one endpoint, tried until it is taken or given up."""
