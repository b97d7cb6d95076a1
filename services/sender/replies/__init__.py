"""Replies: recorded in the request that brings them, fetched where none came, assigned where no recipient matched."""
