"""Proofs with z3: what a rule file guarantees for every event, and how two rule files compare."""
