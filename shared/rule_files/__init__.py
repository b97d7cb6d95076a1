"""Reads the shipped rule files and the time zone database into a rule table."""
