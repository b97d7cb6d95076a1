"""What people pause and stop: heard from the log, obeyed at each intent, and answered once it is certain."""
