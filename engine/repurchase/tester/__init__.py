"""Tests for rule authors: cases, and the mutants of a file that its cases should kill."""
