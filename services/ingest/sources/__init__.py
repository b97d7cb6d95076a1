"""One file per platform: how its deliveries are verified, told apart and read; pure."""
