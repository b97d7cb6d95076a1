"""A second person's yes: what would let many texts go waits until another user of the console agrees."""
