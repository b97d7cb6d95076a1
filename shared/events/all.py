"""Importing this module declares every event type."""

from shared.events import consent, dispatch, engagement, follow_up, trigger

__all__ = ["consent", "dispatch", "engagement", "follow_up", "trigger"]
