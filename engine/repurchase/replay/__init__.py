"""Evaluation of a whole trade log, by one rule file or by two."""
