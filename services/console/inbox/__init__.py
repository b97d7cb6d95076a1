"""What the console's inbox shows: conversations in words, and what may be done about each."""
