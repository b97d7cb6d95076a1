"""The lifecycle of a follow-up: its states, the transitions between them, and their announcements."""
