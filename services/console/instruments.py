"""The metrics of the console."""

from shared.telemetry.metrics import counter

SIGN_INS = counter("followup_console_sign_ins_total", "Attempts to sign in to the console.", ["outcome"])
