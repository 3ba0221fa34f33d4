"""Trade logs and single events from text: what can be read exactly is, the rest is refused."""
