"""One condition: its text, checked, and its linear form for the engine and the prover."""
