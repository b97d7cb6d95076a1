"""Text templates: the only package that imports the Liquid library."""
