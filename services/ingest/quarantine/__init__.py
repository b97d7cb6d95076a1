"""Deliveries that could not be read: listed, read again once the cause is mended, or discarded with a reason."""
