"""One event judged: facts to the engine, its answers to a decision and a position."""
