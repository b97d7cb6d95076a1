"""Tools of the house itself: generated pages and migrations; nothing here is shipped."""
