"""Reads the shipped rule files into a rule table."""
