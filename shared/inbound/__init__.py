"""Reading what people write back: opt-out broadly, opt-in narrowly."""
