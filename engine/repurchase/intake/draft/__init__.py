"""A mapping drafted from a file: what was found in it, and what it leaves open."""
