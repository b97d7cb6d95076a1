"""Preferences: a page by signed link on which people stop texts, pause them or ask for fewer, without signing in."""
