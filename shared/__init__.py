"""What every service uses; imports no service."""
