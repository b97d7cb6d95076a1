"""What each number means, as arithmetic over facts; pure."""
