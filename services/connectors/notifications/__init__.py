"""What merchants are notified of, and which of their endpoints is told."""
