"""The console's pages, one module each; what they show comes from the services' public HTTP paths."""
