"""Every quantity that a rule may read."""
