"""What a program has used: events reckoned as trades, and the fold of events to a position."""
