"""The seven services; six speak to each other through events alone, the console calls their HTTP paths."""
