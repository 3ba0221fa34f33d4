"""Trade logs and single events, read exactly from text; everything else is refused."""
