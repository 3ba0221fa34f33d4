"""The facts: every quantity that a rule may read."""
