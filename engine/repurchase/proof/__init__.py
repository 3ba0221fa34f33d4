"""What holds of all histories: what a rule file guarantees, and how two compare, with z3."""
