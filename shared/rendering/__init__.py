"""Rendering: from a template and facts to the exact text that travels, with all that the law wants in it.

Pure: no database, no clock, no network. The caller's `link` makes the short links.
"""
