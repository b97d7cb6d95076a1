"""One file per platform: how its deliveries are verified, distinguished and parsed; pure."""
