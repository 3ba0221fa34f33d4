"""Conditions: their text, parsed and checked, and their linear form for engine and prover."""
