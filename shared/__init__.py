"""The ground floor: what every service stands on; imports no service."""
