"""Reading what people write back: opt-out broadly, opt-in narrowly."""

from shared.inbound.classifier import Context, Reading, classify, classify_for

__all__ = ["Context", "Reading", "classify", "classify_for"]
