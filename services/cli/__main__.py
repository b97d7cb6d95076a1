"""`python -m services.cli` is the `followup` command."""

from services.cli.app import main

main()
