"""Reading what people write back: opt-out broadly, opt-in narrowly."""

from shared.inbound.classifier import Classification, Context, classify, classify_for

__all__ = ["Classification", "Context", "classify", "classify_for"]
