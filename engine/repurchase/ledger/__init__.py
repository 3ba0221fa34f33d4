"""What a program has used: events counted as trades, and the fold of events to a position."""
