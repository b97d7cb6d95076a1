"""Engagement: tracked links, and the purchases credited to texts."""
