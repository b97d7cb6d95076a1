"""Replies: stored when delivered, listed where none was delivered, assigned where no recipient is known."""
