"""FIX logs: the messages between a desk and its brokers, read as events."""
