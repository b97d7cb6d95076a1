"""The demo: a real signed order goes through the whole house, and the terminal tells what happens."""
