"""What people pause, stop and let go on: asked for over HTTP, obeyed at release, worked off in the background."""
