"""Caps: texts per period, new recipients per hour and spending per day."""
