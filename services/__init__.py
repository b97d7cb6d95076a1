"""The five services; each speaks to the others through events alone."""
