"""What is shown of one flow: its rules, its steps with each text as it would be sent, and its versions."""
