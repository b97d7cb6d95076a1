"""The six services; five speak to each other through events alone, the console calls their HTTP paths."""
